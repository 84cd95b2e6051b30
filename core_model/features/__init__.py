"""What is measured from audio: spectrograms, pitch, alignments, speaker statistics."""

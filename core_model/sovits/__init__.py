"""The synthesizer's blocks, one file each: semantic tokens, phonemes and a style to a waveform."""

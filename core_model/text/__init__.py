"""Text to phonemes, one door for every language."""

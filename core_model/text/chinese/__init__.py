"""Chinese text to phonemes, symbol tables v1 and v2: one file per step, spelling.py composes them."""

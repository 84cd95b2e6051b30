"""Flow matching: the decoder of the families v3 and v4, which moves noise to a mel spectrogram, and its vocoders."""

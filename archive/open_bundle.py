"""Stand-alone reader (to be written)."""

"""Pieces of an entry that the whole does not have."""

from crafting import delta, vector

vector(__file__, "format", "other entries", delta(pieces=[{"path": "../evil", "pieces": []}]), reads="delta")

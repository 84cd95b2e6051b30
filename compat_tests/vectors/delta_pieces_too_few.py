"""Pieces that do not fill their entry."""

from crafting import delta, vector

vector(__file__, "format", "do not add up", delta(pieces=[{"path": "a.txt", "pieces": []}]), reads="delta")

"""Pieces written in a way of later."""

from crafting import delta, vector

vector(__file__, "format", "not of version 1", delta(version=2), reads="delta")

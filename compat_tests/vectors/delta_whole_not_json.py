"""A manifest of the whole that is none."""

from crafting import delta, vector

vector(__file__, "format", "manifest", delta(whole=b"{"), reads="delta")

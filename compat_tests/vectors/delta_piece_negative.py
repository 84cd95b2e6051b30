"""A piece from before the beginning."""

from crafting import delta, vector

vector(
    __file__,
    "format",
    "beyond the end",
    delta(pieces=[{"path": "a.txt", "pieces": [{"base": "b/c.bin", "offset": -5, "size": 5}]}]),
    reads="delta",
)

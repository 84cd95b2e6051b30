"""A piece that reaches beyond delta/data."""

from crafting import delta, vector

vector(
    __file__,
    "format",
    "beyond the end",
    delta(pieces=[{"path": "a.txt", "pieces": [{"offset": 0, "size": 5}]}]),
    reads="delta",
)

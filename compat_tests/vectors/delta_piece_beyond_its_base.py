"""A piece that reaches beyond the entry of the base."""

from crafting import delta, vector

vector(
    __file__,
    "format",
    "beyond the end",
    delta(pieces=[{"path": "a.txt", "pieces": [{"base": "a.txt", "offset": 1, "size": 5}]}]),
    reads="delta",
)

"""A piece of a file that the base does not hold."""

from crafting import delta, vector

vector(
    __file__,
    "format",
    "what is not there",
    delta(pieces=[{"path": "a.txt", "pieces": [{"base": "../../etc/passwd", "offset": 0, "size": 5}]}]),
    reads="delta",
)

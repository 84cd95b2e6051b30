"""Pieces of the right size and with other bytes."""

from crafting import delta, vector

vector(
    __file__,
    "damaged",
    "SHA-256",
    delta(pieces=[{"path": "a.txt", "pieces": [{"base": "b/c.bin", "offset": 0, "size": 5}]}]),
    reads="delta",
)

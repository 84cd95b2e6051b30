"""Something in front of the archive."""

from crafting import script, torchscript, vector

vector(
    __file__,
    "file",
    "has bytes before or behind",
    (torchscript(script("y = x"))[:4] + bytes(4) + torchscript(script("y = x"))),
    reads="torchscript",
)

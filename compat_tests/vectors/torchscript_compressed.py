"""Entries that are marked as compressed: they could unpack to a thousand times their size."""

from crafting import script, torchscript, vector

vector(
    __file__,
    "file",
    "is compressed",
    torchscript(script("y = x")).replace(bytes([20, 0, 0, 0, 0, 0]), bytes([20, 0, 0, 0, 8, 0])),
    reads="torchscript",
)

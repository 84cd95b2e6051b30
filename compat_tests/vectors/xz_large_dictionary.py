"""A file that asks for a dictionary of 1.5 GiB before its first byte."""

import lzma

from crafting import vector

vector(
    __file__,
    "file",
    "needs more than 96 MiB",
    lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 3 << 29}]),
    reads="packed",
)

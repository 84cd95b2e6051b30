"""A size below zero, in binary."""

from crafting import bundle, tar_header, vector, with_a

vector(
    __file__,
    "format",
    "has a negative size",
    bundle(with_a(tar_header(b"a.txt", 5, size_field=b"\xff" * 11 + b"\xfb"))),
)

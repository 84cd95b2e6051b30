"""A size in GNU's binary form, which reaches far beyond eleven digits."""

from crafting import bundle, tar_header, vector, with_a

vector(
    __file__,
    "format",
    "has a size in binary",
    bundle(with_a(tar_header(b"a.txt", 5, size_field=b"\x80" + bytes(10) + b"\x05"))),
)

"""A size with spaces, which readers trim or do not."""

from crafting import bundle, tar_header, vector, with_a

vector(
    __file__, "format", "not eleven octal digits", bundle(with_a(tar_header(b"a.txt", 5, size_field=b"          5\0")))
)

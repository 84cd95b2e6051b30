"""A sparse file of GNU tar: a few bytes that become terabytes."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "is a sparse file", bundle(with_a(tar_header(b"a.txt", 5, typeflag=b"S"))))

"""A file that would run as its owner."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "has a mode other than 0644", bundle(with_a(tar_header(b"a.txt", 5, mode=b"0004755\0"))))

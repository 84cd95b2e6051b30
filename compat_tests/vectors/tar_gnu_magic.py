"""A header in GNU tar's own dialect."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "is of GNU tar", bundle(with_a(tar_header(b"a.txt", 5, magic=b"ustar  \0"))))

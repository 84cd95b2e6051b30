"""A file as tars marked it before POSIX."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "as older tars mark a file", bundle(with_a(tar_header(b"a.txt", 5, typeflag=b"\0"))))

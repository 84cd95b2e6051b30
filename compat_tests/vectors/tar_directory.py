"""A directory stands where a member must."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "is a directory", bundle(with_a(tar_header(b"a.txt", 5, typeflag=b"5"))))

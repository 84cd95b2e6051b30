"""A name with something behind its NUL."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "hides something behind its name", bundle(with_a(tar_header(b"a.txt\0/../../x", 5))))

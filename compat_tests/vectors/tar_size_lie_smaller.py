"""A header that says one byte less than the manifest."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "'a.txt' of 4 bytes", bundle(with_a(tar_header(b"a.txt", 4))))

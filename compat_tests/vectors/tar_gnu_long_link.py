"""A GNU long link name."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "is a GNU long link name", bundle(with_a(tar_header(b"././@LongLink", 5, typeflag=b"K"))))

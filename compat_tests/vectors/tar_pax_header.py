"""A PAX header, which could rename what follows it."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "is a PAX header", bundle(with_a(tar_header(b"a.txt", 5, typeflag=b"x"))))

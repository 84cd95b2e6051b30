"""A global PAX header, which could rename all that follows."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "is a global PAX header", bundle(with_a(tar_header(b"a.txt", 5, typeflag=b"g"))))

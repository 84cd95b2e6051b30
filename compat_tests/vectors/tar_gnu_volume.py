"""A file that began in another volume."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "continues a file of another volume", bundle(with_a(tar_header(b"a.txt", 5, typeflag=b"M"))))

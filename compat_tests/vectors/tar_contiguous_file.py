"""A contiguous file, which POSIX reserves and nobody writes."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "is a contiguous file", bundle(with_a(tar_header(b"a.txt", 5, typeflag=b"7"))))

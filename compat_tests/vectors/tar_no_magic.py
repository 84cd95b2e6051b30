"""A header older than ustar."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "is not of ustar", bundle(with_a(tar_header(b"a.txt", 5, magic=bytes(8)))))

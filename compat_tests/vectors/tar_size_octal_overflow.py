"""A size of twelve digits, as large as 36 bits can say."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "has a size of twelve digits", bundle(with_a(tar_header(b"a.txt", 5, size_field=b"7" * 12))))

"""A size below zero, with a minus sign."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "has a negative size", bundle(with_a(tar_header(b"a.txt", 5, size_field=b"-0000000005\0"))))

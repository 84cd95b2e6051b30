"""A GNU long name, which renames the entry behind it."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "is a GNU long name;", bundle(with_a(tar_header(b"././@LongLink", 5, typeflag=b"L"))))

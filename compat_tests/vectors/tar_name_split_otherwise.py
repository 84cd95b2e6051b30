"""A name cut into prefix and rest where it fits whole."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "is not the canonical one", bundle(with_a(tar_header(b"a.txt", 5, prefix=b".."))))

"""A header with a path out of the directory, while the manifest is harmless."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "unsafe", "leads out of the directory", bundle(with_a(tar_header(b"../escaped", 5))))

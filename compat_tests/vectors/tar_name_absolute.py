"""A header with an absolute path, while the manifest is harmless."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "unsafe", "is an absolute path", bundle(with_a(tar_header(b"/tmp/EXECUTED", 5))))

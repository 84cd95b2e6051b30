"""A manifest of a byte more than is accepted."""

from crafting import bundle, vector, with_manifest

vector(__file__, "format", "at most", bundle(with_manifest(b" " * ((4 << 20) + 1))))

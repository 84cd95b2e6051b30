"""33 lists in each other."""

from crafting import bundle, vector, with_manifest

vector(__file__, "format", "nested more than 32 deep", bundle(with_manifest(b"[" * 33 + b"]" * 33)))

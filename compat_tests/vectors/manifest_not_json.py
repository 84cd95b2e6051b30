"""A manifest that is no JSON."""

from crafting import bundle, vector, with_manifest

vector(__file__, "format", "is not JSON", bundle(with_manifest(b"members: []")))

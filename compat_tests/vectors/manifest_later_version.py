"""A manifest of a later version."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(__file__, "version", "of format 2", bundle(with_manifest(manifest(GOOD, version=2))))

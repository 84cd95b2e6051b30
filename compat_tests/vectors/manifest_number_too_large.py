"""A number that other languages read as another."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(__file__, "format", "too large for canonical JSON", bundle(with_manifest(manifest(GOOD, more=2**53))))

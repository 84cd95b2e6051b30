"""The right manifest with a space in it: a second spelling of the same."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(__file__, "format", "is not canonical JSON", bundle(with_manifest(manifest(GOOD).replace(b":", b": ", 1))))

"""A size with a fraction."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(__file__, "format", "not float", bundle(with_manifest(manifest(GOOD).replace(b'"size":5', b'"size":5.0'))))

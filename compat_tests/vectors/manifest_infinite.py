"""A size beyond any number: infinite to some readers."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(__file__, "format", "not float", bundle(with_manifest(manifest(GOOD).replace(b'"size":5', b'"size":1e999'))))

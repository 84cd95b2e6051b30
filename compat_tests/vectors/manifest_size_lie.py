"""A size that the next offset contradicts."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(__file__, "format", "instead of", bundle(with_manifest(manifest(GOOD).replace(b'"size":5', b'"size":5000'))))

"""A key twice in the manifest: readers disagree on which one counts."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(__file__, "format", "the key 'version' twice", bundle(with_manifest(manifest(GOOD)[:-1] + b',"version":1}')))

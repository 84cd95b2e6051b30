"""A path twice in one entry: a checker reads one, a writer the other."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(
    __file__,
    "format",
    "the key 'path' twice",
    bundle(with_manifest(manifest(GOOD).replace(b'"path":"a.txt"', b'"path":"a.txt","path":"../x"'))),
)

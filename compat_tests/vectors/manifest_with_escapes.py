"""A letter written as an escape."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(
    __file__,
    "format",
    "is not canonical JSON",
    bundle(with_manifest(manifest(GOOD).replace(b"bytes", b"b\\u0079tes", 1))),
)

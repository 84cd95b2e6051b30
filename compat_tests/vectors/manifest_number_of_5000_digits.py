"""A number that takes long to read."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(
    __file__,
    "format",
    "is not JSON",
    bundle(with_manifest(manifest(GOOD, more=1).replace(b'"more":1', b'"more":' + b"1" * 5000))),
)

"""An entry of less than nothing."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(
    __file__,
    "format",
    "'size' is no natural number",
    bundle(with_manifest(manifest(GOOD).replace(b'"size":5', b'"size":-5'))),
)

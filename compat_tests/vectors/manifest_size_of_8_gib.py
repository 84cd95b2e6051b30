"""An entry of 8 GiB, which no ustar header can say."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(
    __file__,
    "format",
    "less than 8 GiB",
    bundle(with_manifest(manifest(GOOD).replace(b'"size":600', b'"size":8589934592'))),
)

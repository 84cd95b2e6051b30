"""Half of a character beyond the first plane, which UTF-8 cannot say."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(
    __file__,
    "format",
    "not representable as canonical JSON",
    bundle(with_manifest(manifest(GOOD, description={"name": "x"}).replace(b'"x"', b'"\\ud800"'))),
)

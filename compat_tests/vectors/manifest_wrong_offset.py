"""Two entries in one place."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(
    __file__, "format", "instead of", bundle(with_manifest(manifest(GOOD).replace(b'"offset":2560', b'"offset":1536')))
)

"""The manifest of something else."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(__file__, "format", "the manifest's format is not", bundle(with_manifest(manifest(GOOD, format="bag"))))

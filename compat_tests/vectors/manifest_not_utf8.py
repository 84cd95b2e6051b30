"""A byte that UTF-8 does not have."""

from crafting import GOOD, bundle, manifest, vector, with_manifest

vector(__file__, "format", "is not UTF-8", bundle(with_manifest(manifest(GOOD).replace(b"lifecycle", b"l\xfffecycle"))))

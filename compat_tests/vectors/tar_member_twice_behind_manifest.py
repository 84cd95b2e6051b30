"""The same member twice, where the manifest lists two."""

from crafting import END, GOOD, bundle, manifest, tar_entry, vector

vector(
    __file__,
    "format",
    "where payload.tar/b/c.bin must stand",
    bundle(tar_entry(b"manifest.json", manifest(GOOD)) + tar_entry(b"a.txt", b"hello") * 2 + bytes(512) + END),
)

"""Paths as deep and long as they may be: every leading part of each is to be remembered."""

from crafting import bundle, compact, vector, with_manifest

deep = "/".join(["x" * 6] * 31)
listed = [
    {"format": "b", "offset": 1, "path": f"{n:05}{deep}", "sha256": "0" * 64, "size": 0, "version": 1}
    for n in range(11_800)
]

vector(
    __file__,
    "format",
    "instead of",
    bundle(with_manifest(compact({"description": {}, "format": "lifecycle-bundle", "members": listed, "version": 1}))),
)

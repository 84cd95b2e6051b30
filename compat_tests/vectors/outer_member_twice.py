"""A member of the outer file twice."""

from crafting import GOOD, bundle, payload, tar_entry, vector

vector(
    __file__,
    "format",
    "where SPEC.md must stand",
    (tar_entry(b"README.txt", b"voice bundle, format 1\n") + bundle(payload(GOOD))),
)

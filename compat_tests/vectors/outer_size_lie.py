"""A member that says it has 8 GiB."""

from crafting import GOOD, bundle, payload, tar_header, vector

vector(
    __file__,
    "damaged",
    "the end of the file",
    bundle(payload(GOOD)).replace(tar_header(b"SPEC.md", 4), tar_header(b"SPEC.md", 8**11 - 1)),
)

"""A link for a member of the outer file."""

from crafting import GOOD, bundle, payload, tar_header, vector

vector(
    __file__,
    "unsafe",
    "is a symbolic link",
    bundle(payload(GOOD)).replace(
        tar_header(b"SPEC.md", 4), tar_header(b"SPEC.md", 4, typeflag=b"2", linkname=b"/etc")
    ),
)

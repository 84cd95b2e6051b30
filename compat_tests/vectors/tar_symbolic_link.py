"""A symbolic link stands where a member must."""

from crafting import bundle, tar_header, vector, with_a

vector(
    __file__,
    "unsafe",
    "is a symbolic link",
    bundle(with_a(tar_header(b"a.txt", 5, typeflag=b"2", linkname=b"/etc/passwd"))),
)

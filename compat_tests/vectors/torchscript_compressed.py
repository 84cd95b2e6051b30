"""A file that unpacks to a thousand times its size."""

import zipfile

from crafting import torchscript, vector

vector(
    __file__,
    "file",
    "is compressed",
    torchscript(b"#" * 1_000_000, compression=zipfile.ZIP_DEFLATED),
    reads="torchscript",
)

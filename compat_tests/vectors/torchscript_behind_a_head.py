"""A zip with a code over its PK."""

from crafting import script, torchscript, vector

vector(
    __file__,
    "file",
    "begins with a code over its zip's PK",
    (b"05" + torchscript(script("y = x"))[2:]),
    reads="torchscript",
)

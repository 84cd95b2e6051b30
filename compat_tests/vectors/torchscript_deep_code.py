"""Brackets in brackets, beyond the stack of a parser."""

from crafting import script, torchscript, vector

vector(
    __file__,
    "file",
    "holds code that cannot be read",
    torchscript(script("y = " + "(" * 5000 + "x" + ")" * 5000)),
    reads="torchscript",
)

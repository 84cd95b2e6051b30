"""An operator by its name in a text."""

from crafting import script, torchscript, vector

vector(
    __file__,
    "file",
    "has the operator torch,",
    torchscript(script('y = getattr(torch, "from_file")')),
    reads="torchscript",
)

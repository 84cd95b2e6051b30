"""An operator with spaces and a line end in its name."""

from crafting import script, torchscript, vector

vector(
    __file__,
    "file",
    "has the operator torch.from_file",
    torchscript(script('y = (torch .\n      from_file)("/etc/passwd")')),
    reads="torchscript",
)

"""An operator that maps any file into memory."""

from crafting import script, torchscript, vector

vector(
    __file__,
    "file",
    "has the operator torch.from_file",
    torchscript(script('y = torch.from_file("/etc/passwd", False, 100)')),
    reads="torchscript",
)

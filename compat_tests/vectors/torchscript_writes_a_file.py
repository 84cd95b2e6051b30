"""An operator that writes a file."""

from crafting import script, torchscript, vector

vector(
    __file__,
    "file",
    "has the operator torch.save",
    torchscript(script('y = torch.save(x, "EXECUTED")')),
    reads="torchscript",
)

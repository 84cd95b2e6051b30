"""torch under another name, to hide an operator."""

from crafting import script, torchscript, vector

vector(
    __file__,
    "file",
    "has the operator torch,",
    torchscript(script('t = torch\ny = t.from_file("/etc/passwd")')),
    reads="torchscript",
)

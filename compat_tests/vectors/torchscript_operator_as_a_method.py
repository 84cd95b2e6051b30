"""An operator called as a method."""

from crafting import script, torchscript, vector

vector(
    __file__, "file", "calls 'from_file'", torchscript(script('y = ("/etc/passwd").from_file()')), reads="torchscript"
)

"""An operator that a library has registered."""

from crafting import script, torchscript, vector

vector(
    __file__, "file", "has the operator ops.evil.run", torchscript(script("y = ops.evil.run(x)")), reads="torchscript"
)

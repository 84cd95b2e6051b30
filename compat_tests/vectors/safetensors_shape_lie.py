"""A shape that needs more bytes than the tensor has."""

from crafting import safetensors, tensor, vector

vector(
    __file__,
    "file",
    "needs another number of bytes",
    safetensors({"a": tensor(0, 4, [1000])}, bytes(4)),
    reads="weights",
)

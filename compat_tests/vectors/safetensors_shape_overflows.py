"""A shape whose product is 4 once 64 bits are full."""

from crafting import safetensors, tensor, vector

vector(
    __file__,
    "file",
    "needs another number of bytes",
    safetensors({"a": tensor(0, 4, [2**62, 2**2, 4])}, bytes(4)),
    reads="weights",
)

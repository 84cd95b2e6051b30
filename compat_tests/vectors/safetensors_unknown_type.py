"""A tensor of a type that nobody knows."""

from crafting import safetensors, tensor, vector

vector(
    __file__, "file", "of the unknown type 'F7'", safetensors({"a": tensor(0, 4, [4], "F7")}, bytes(4)), reads="weights"
)

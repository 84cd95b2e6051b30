"""A shape with a negative axis."""

from crafting import safetensors, tensor, vector

vector(
    __file__, "file", "of an impossible shape", safetensors({"a": tensor(0, 4, [-2, -2])}, bytes(4)), reads="weights"
)

"""A tensor that ends behind the file."""

from crafting import safetensors, tensor, vector

vector(
    __file__, "voice", "is shorter than its tensors", safetensors({"a": tensor(0, 1 << 40)}, bytes(4)), reads="weights"
)

"""Two tensors in one place."""

from crafting import safetensors, tensor, vector

vector(
    __file__, "file", "overlaps another", safetensors({"a": tensor(0, 8), "b": tensor(0, 8)}, bytes(8)), reads="weights"
)

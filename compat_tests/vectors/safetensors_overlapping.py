"""Two tensors that share bytes."""

from crafting import safetensors, tensor, vector

vector(
    __file__,
    "file",
    "overlaps another",
    safetensors({"a": tensor(0, 8), "b": tensor(4, 12)}, bytes(12)),
    reads="weights",
)

"""Bytes between two tensors that belong to none."""

from crafting import safetensors, tensor, vector

vector(
    __file__,
    "file",
    "belong to no tensor",
    safetensors({"a": tensor(0, 4), "b": tensor(8, 12)}, bytes(12)),
    reads="weights",
)

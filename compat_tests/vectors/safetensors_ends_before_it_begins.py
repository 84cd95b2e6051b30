"""A tensor that ends before it begins."""

from crafting import safetensors, tensor, vector

vector(__file__, "file", "ends before it begins", safetensors({"a": tensor(4, 0, [0])}, bytes(4)), reads="weights")

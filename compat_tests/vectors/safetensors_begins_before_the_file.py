"""A tensor that begins before the values do: in the head."""

from crafting import safetensors, tensor, vector

vector(__file__, "file", "ends before it begins", safetensors({"a": tensor(-4, 4, [8])}, bytes(4)), reads="weights")

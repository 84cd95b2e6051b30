"""Bytes behind the last tensor."""

from crafting import safetensors, tensor, vector

vector(__file__, "file", "behind its tensors", safetensors({"a": tensor(0, 4)}, bytes(64)), reads="weights")

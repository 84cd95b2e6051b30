"""A head that is no JSON."""

from crafting import safetensors, vector

vector(__file__, "file", "is not JSON", safetensors(b"{tensors}"), reads="weights")

"""A head that is a list."""

from crafting import safetensors, vector

vector(__file__, "file", "does not begin with a list of tensors", safetensors(b"[]"), reads="weights")

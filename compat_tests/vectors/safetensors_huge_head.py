"""A head of 2 MiB."""

from crafting import safetensors, vector

vector(__file__, "file", "at most", safetensors(b"{" + b" " * (2 << 20) + b"}"), reads="weights")

"""A head of brackets in brackets."""

from crafting import safetensors, vector

vector(__file__, "file", "nested too deeply", safetensors(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"), reads="weights")

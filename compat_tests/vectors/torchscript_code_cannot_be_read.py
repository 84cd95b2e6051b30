"""Code that is not Python's grammar."""

from crafting import torchscript, vector

vector(__file__, "file", "holds code that cannot be read", torchscript(b"class Voice(Module:"), reads="torchscript")

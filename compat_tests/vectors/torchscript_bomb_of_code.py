"""5 MB of code."""

from crafting import torchscript, vector

vector(__file__, "file", "holds more code", torchscript(b"x = 1\n" * 900_000), reads="torchscript")

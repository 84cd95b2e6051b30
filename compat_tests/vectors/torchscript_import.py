"""An import, which no TorchScript has."""

from crafting import script, torchscript, vector

vector(__file__, "file", "imports something", torchscript(b"import os\n" + script("os.system(x)")), reads="torchscript")

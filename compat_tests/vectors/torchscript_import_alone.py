"""An import that nothing uses."""

from crafting import script, torchscript, vector

vector(__file__, "file", "imports something", torchscript(b"import os\n" + script("y = x")), reads="torchscript")

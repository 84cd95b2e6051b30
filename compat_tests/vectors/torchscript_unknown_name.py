"""A function that the file does not define."""

from crafting import script, torchscript, vector

vector(__file__, "file", "names 'print'", torchscript(script("print(x)")), reads="torchscript")

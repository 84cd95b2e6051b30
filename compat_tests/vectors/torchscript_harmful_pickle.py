"""A pickle that runs a command, if torch.load opens the file."""

from crafting import HARMFUL_PICKLE, script, torchscript, vector

vector(__file__, "file", "asks for posix.system", torchscript(script("y = x"), HARMFUL_PICKLE), reads="torchscript")

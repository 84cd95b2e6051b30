"""No zip at all."""

from crafting import vector

vector(__file__, "voice", "is no TorchScript", b"torchscript", reads="torchscript")

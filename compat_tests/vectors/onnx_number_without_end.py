"""A number that never ends."""

from crafting import vector

vector(__file__, "voice", "is cut short", (b"\x08" + b"\xff" * 64), reads="onnx")

"""A graph of no bytes."""

from crafting import vector

vector(__file__, "voice", "is empty", b"", reads="onnx")

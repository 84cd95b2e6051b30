"""A loop, which may never end."""

from crafting import field, node, onnx, vector

vector(__file__, "file", "has the operator 'Loop'", onnx(field(1, node(b"Loop"))), reads="onnx")

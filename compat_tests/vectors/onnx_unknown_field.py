"""A field that onnx.proto3 does not have."""

from crafting import field, onnx, vector

vector(__file__, "file", "what is not known here", onnx(field(99, b"x")), reads="onnx")

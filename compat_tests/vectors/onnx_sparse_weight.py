"""A sparse weight: a few bytes that become terabytes."""

from crafting import field, onnx, vector

vector(__file__, "file", "has a sparse weight", onnx(field(15, b"")), reads="onnx")

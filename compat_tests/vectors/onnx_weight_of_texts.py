"""A weight of texts."""

from crafting import field, onnx, vector, weight

vector(__file__, "file", "has texts for weights", onnx(field(5, weight(field(6, b"x"), kind=8))), reads="onnx")

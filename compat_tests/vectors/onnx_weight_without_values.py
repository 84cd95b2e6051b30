"""A weight of a terabyte without values."""

from crafting import field, onnx, vector, weight

vector(__file__, "file", "shape needs other bytes", onnx(field(5, weight(dims=[1 << 40]))), reads="onnx")

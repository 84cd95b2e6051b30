"""Two graphs: readers merge them, or take the last."""

from crafting import field, onnx, vector

vector(__file__, "file", "holds more than one graph", onnx(model=field(7, b"")), reads="onnx")

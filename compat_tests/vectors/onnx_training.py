"""A graph that trains itself."""

from crafting import field, onnx, vector

vector(__file__, "file", "trains itself", onnx(model=field(20, b"")), reads="onnx")

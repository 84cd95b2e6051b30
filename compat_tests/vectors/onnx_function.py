"""A function of the file's own, which could be called as any operator is."""

from crafting import field, onnx, vector

vector(__file__, "file", "brings functions of its own", onnx(model=field(25, field(1, b"Add"))), reads="onnx")

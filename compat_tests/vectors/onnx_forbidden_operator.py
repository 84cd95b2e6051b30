"""An operator that runs Python, of a standard domain."""

from crafting import field, node, onnx, vector

vector(__file__, "file", "has the operator 'PyOp'", onnx(field(1, node(b"PyOp"))), reads="onnx")

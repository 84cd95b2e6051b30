"""An operator that draws noise: no network of a voice does."""

from crafting import field, node, onnx, vector

vector(__file__, "file", "has the operator 'RandomNormal'", onnx(field(1, node(b"RandomNormal"))), reads="onnx")

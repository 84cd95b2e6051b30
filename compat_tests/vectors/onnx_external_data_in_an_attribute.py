"""The same in a constant of a node."""

from crafting import field, node, onnx, vector, weight

vector(
    __file__,
    "file",
    "keeps weights in another file",
    onnx(field(1, node(b"Constant", field(5, field(1, b"value") + field(5, weight(field(14, 1))))))),
    reads="onnx",
)

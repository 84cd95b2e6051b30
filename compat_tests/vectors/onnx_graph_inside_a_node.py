"""A branch with a graph in it, in which more could hide."""

from crafting import field, node, onnx, vector

vector(
    __file__,
    "file",
    "has a graph inside a node",
    onnx(field(1, node(b"If", field(5, field(1, b"then_branch") + field(6, field(1, node(b"Add"))))))),
    reads="onnx",
)

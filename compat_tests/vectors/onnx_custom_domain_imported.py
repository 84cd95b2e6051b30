"""A set of operators that another library would bring."""

from crafting import field, node, onnx, vector

vector(
    __file__,
    "file",
    "operators of another library: 'com.microsoft'",
    onnx(field(1, node(b"Add")), opsets=[b"", b"com.microsoft"]),
    reads="onnx",
)

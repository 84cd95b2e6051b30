"""An operator that another library would bring."""

from crafting import field, node, onnx, vector

vector(
    __file__,
    "file",
    "operators of another library: 'evil'",
    onnx(field(1, node(b"Add", field(7, b"evil")))),
    reads="onnx",
)

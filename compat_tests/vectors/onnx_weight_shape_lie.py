"""A weight whose shape needs a terabyte, with four bytes."""

from crafting import field, onnx, vector, weight

vector(
    __file__,
    "file",
    "shape needs other bytes",
    onnx(field(5, weight(field(9, bytes(4)), dims=[1 << 40]))),
    reads="onnx",
)

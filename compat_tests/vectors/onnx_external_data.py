"""A weight that is kept in another file: here /etc/passwd."""

from crafting import field, onnx, vector, weight

vector(
    __file__,
    "file",
    "keeps weights in another file",
    onnx(field(5, weight(field(13, field(1, b"location") + field(2, b"/etc/passwd")), field(14, 1)))),
    reads="onnx",
)

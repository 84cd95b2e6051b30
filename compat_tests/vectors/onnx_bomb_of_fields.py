"""Two million fields of nothing."""

from crafting import onnx, vector

vector(__file__, "file", "fields", onnx(b"\x12\x00" * 2_000_000), reads="onnx")

"""A graph that says it has a gigabyte."""

from crafting import onnx, vector

vector(__file__, "voice", "is cut short", onnx(b"\x0a\x80\x80\x80\x80\x04"), reads="onnx")

"""Wrappers that write the one network as ONNX or TorchScript."""

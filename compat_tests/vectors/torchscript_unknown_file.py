"""A library among the code."""

from crafting import stored_zip, vector

vector(
    __file__,
    "file",
    "is no part of TorchScript",
    stored_zip({"gpt/data.pkl": b"\x80\x02}.", "gpt/extra/evil.so": b"\x7fELF" * 64}),
    reads="torchscript",
)

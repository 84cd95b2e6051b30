"""An entry whose name leads out of the directory."""

from crafting import stored_zip, vector

vector(
    __file__,
    "file",
    "lies outside of it",
    stored_zip({"gpt/data.pkl": b"\x80\x02}.", "../escaped": b"x"}),
    reads="torchscript",
)

"""A checkpoint whose pickle runs a command."""

from crafting import HARMFUL_PICKLE, stored_zip, vector

vector(
    __file__,
    "checkpoint",
    "posix.system",
    stored_zip({"gpt/data.pkl": HARMFUL_PICKLE, "gpt/version": b"3\n"}),
    reads="checkpoint",
)

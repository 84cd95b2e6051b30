"""A harmless pickle, and one behind its end that runs a command."""

from crafting import HARMFUL_PICKLE, stored_zip, vector

vector(
    __file__,
    "checkpoint",
    "behind the end of its pickle",
    stored_zip({"gpt/data.pkl": b"\x80\x02}." + HARMFUL_PICKLE, "gpt/version": b"3\n"}),
    reads="checkpoint",
)

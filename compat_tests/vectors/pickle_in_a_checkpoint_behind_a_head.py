"""The same behind GPT-SoVITS's code for v2Pro, which hides it from scanners."""

from crafting import HARMFUL_PICKLE, stored_zip, vector

vector(
    __file__,
    "checkpoint",
    "posix.system",
    (b"05" + stored_zip({"gpt/data.pkl": HARMFUL_PICKLE, "gpt/version": b"3\n"})[2:]),
    reads="checkpoint",
)

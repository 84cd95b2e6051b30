"""A pickle that runs a command, called .safetensors."""

from crafting import HARMFUL_PICKLE, vector

vector(__file__, "file", "is a pickle", HARMFUL_PICKLE, reads="weights")

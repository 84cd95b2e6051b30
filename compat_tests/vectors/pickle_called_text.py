"""A pickle among the data of a language."""

from crafting import HARMFUL_PICKLE, vector

vector(__file__, "file", "is a pickle", HARMFUL_PICKLE, reads="other")

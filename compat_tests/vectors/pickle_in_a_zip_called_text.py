"""What torch.save writes, among the data of a language."""

from crafting import HARMFUL_PICKLE, stored_zip, vector

vector(__file__, "file", "is a zip", stored_zip({"gpt/data.pkl": HARMFUL_PICKLE}), reads="other")

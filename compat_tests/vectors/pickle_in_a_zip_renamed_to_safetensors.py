"""What torch.save writes, with a pickle that runs a command, called .safetensors."""

from crafting import HARMFUL_PICKLE, stored_zip, vector

vector(__file__, "file", "is a zip", stored_zip({"gpt/data.pkl": HARMFUL_PICKLE}), reads="weights")

"""The same behind GPT-SoVITS's code for v2Pro, which hides it from scanners; called .safetensors."""

from crafting import HARMFUL_PICKLE, stored_zip, vector

vector(__file__, "file", "is a zip", (b"05" + stored_zip({"gpt/data.pkl": HARMFUL_PICKLE})[2:]), reads="weights")

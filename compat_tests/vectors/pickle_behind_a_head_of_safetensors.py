"""A safetensors file, and a pickle behind its tensors."""

from crafting import HARMFUL_PICKLE, safetensors, tensor, vector

vector(
    __file__, "file", "behind its tensors", safetensors({"a": tensor(0, 4)}, bytes(4) + HARMFUL_PICKLE), reads="weights"
)

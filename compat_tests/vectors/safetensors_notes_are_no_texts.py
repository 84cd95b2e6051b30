"""Notes that are a document of their own."""

from crafting import safetensors, vector

vector(
    __file__,
    "file",
    "notes in its head that are not texts",
    safetensors({"__metadata__": {"a": {"b": 1}}}),
    reads="weights",
)

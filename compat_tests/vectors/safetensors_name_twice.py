"""A name twice: one reader takes the first, another the last."""

from crafting import compact, safetensors, tensor, vector

vector(
    __file__,
    "file",
    "names something twice",
    safetensors(b'{"a":%s,"a":%s}' % (compact(tensor(0, 4)), compact(tensor(4, 8))), bytes(8)),
    reads="weights",
)

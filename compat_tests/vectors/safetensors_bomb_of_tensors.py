"""As many tensors of nothing as a head can list."""

from crafting import safetensors, tensor, vector

vector(
    __file__,
    "file",
    "at most 16384 are accepted",
    safetensors({format(n, "x"): tensor(0, 0, [0]) for n in range(17_000)}),
    reads="weights",
)

"""Which names a pickle may ask for without being able to do anything: the one list behind the word *safe*.

Knows no files. Two lists, because a voice needs less than a stranger's checkpoint does: what read_checkpoint reads, and
what torch and NumPy need to bring plain tensors and numbers back. A name is here only if calling it with any arguments
whatever does nothing but make a value. Reference: torch/_utils.py and torch/storage.py of torch 1.0 to 2.13.
"""

from __future__ import annotations

from collections.abc import Collection

from core_model.upstream.unpickle import ALLOWED

VOICE = ALLOWED

_KINDS = ("Half", "Float", "Double", "Long", "Int", "Short", "Char", "Byte", "Bool", "BFloat16", "ComplexFloat")
_STORAGES = {f"torch.{kind}Storage" for kind in (*_KINDS, "ComplexDouble")} | {
    f"torch.cuda.{kind}Storage" for kind in _KINDS
}
_DTYPES = {
    f"torch.{name}"
    for name in ("float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "bool")
}
_TENSORS = {
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
    "torch._utils._rebuild_parameter",
    "torch.nn.parameter.Parameter",
    "torch.Size",
    "torch.device",
    "torch.storage.UntypedStorage",
}
_NUMPY = {
    f"{package}.multiarray.{name}" for package in ("numpy.core", "numpy._core") for name in ("scalar", "_reconstruct")
} | {"numpy.dtype", "numpy.ndarray"}
_PYTHON = {
    f"{module}.{name}" for module in ("builtins", "__builtin__") for name in ("set", "frozenset", "slice", "complex")
}
_PATHS = {
    f"{module}.{name}"
    for module in ("pathlib", "pathlib._local")
    for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
}
PLAIN = frozenset(
    {*VOICE, *_STORAGES, *_DTYPES, *_TENSORS, *_NUMPY, *_PYTHON, *_PATHS, "collections.Counter", "_codecs.encode"}
    | {"argparse.Namespace", "datetime.datetime", "datetime.date", "datetime.timedelta"}
)


def beyond(names: Collection[str], permitted: Collection[str]) -> tuple[str, ...]:
    """The *names* that are not *permitted*, sorted."""
    return tuple(sorted(set(names) - set(permitted)))

"""Arrays that a foreign program wrote: .npy files of a known type, looked at before NumPy reads a value.

Knows no runner. A file is opened without following links, must be a plain one, of exactly the length that its header
promises, and of one of two types; a pickled one is refused by its header. Reference: NEP 1.

    problem = ArrayError: one phrase and whether it is the path, the array or its numbers
"""

from __future__ import annotations

import ast
import math
import os
import re
import stat
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.npy")
_MOST_HEADER = 10_000


class ArrayError(ValueError):
    """A file that is no such array."""

    def __init__(self, kind: Literal["path", "array", "not finite"], problem: str) -> None:
        super().__init__(problem)
        self.kind = kind


def write_array(path: Path, array: npt.NDArray[np.generic]) -> None:
    """Write *array* as a new .npy of format 1.0."""
    with path.open("xb") as file:
        npy.write_array(file, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)


def read_array(
    directory: Path, name: object, dtype: type[np.generic], dimensions: int, most_bytes: int
) -> npt.NDArray[np.generic]:
    """The array in *directory*/*name*: little-endian *dtype*, C order, so many *dimensions*, none of them 0.

    ArrayError.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ArrayError("path", f"names {str(name)[:80]!r}, which is no plain name of a .npy file")
    data = _bytes(directory / name, name, most_bytes)
    found, fortran, shape, start = _header(data, name)
    wanted = np.dtype(dtype).newbyteorder("<")
    if "O" in found:
        raise ArrayError("array", f"wrote {name} as a pickle, which is never read")
    if found != wanted.str or fortran or len(shape) != dimensions or min(shape) < 1:
        told = f"{found[:20]} of shape {str(shape)[:60]}" + (" in Fortran's order" if fortran else "")
        raise ArrayError("array", f"wrote {name} as {told}; it must be {wanted.str} of {dimensions} dimensions")
    count = math.prod(shape)
    if count * wanted.itemsize != len(data) - start:
        raise ArrayError("array", f"wrote {name} with another number of bytes than its header says")
    array = np.frombuffer(data, wanted, count, start).reshape(shape).astype(dtype)
    if not np.isfinite(array).all():
        raise ArrayError("not finite", f"wrote {name} with a value that is no finite number")
    return array


def _header(data: bytes, name: str) -> tuple[str, bool, tuple[int, ...], int]:
    """descr, fortran_order, shape, and where the values begin. Not by NumPy's own reader, which repairs what it can."""
    width = {b"\x93NUMPY\x01\x00": 2, b"\x93NUMPY\x02\x00": 4}.get(data[:8], 0)
    length = int.from_bytes(data[8 : 8 + width], "little")
    start = 8 + width + length
    problem = ArrayError("array", f"wrote {name}, which is no .npy file")
    if not width or not 0 < length <= _MOST_HEADER or start > len(data):
        raise problem
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a parser's doubts about literals
            header = ast.literal_eval(data[8 + width : start].decode("ascii").strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise problem from None
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise problem
    found, fortran, shape = header["descr"], header["fortran_order"], header["shape"]
    if not isinstance(found, str) or not isinstance(fortran, bool) or not isinstance(shape, tuple):
        raise problem
    if not shape or not all(type(size) is int for size in shape):
        raise problem
    return found, fortran, shape, start


def _bytes(path: Path, name: str, most_bytes: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a fifo would be waited for
    except OSError as error:
        raise ArrayError("path", f"names {name}, which cannot be opened: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ArrayError("path", f"names {name}, which is no plain file")
        if status.st_size > most_bytes:
            raise ArrayError("array", f"wrote {name} with {status.st_size} bytes, more than any voice needs")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most_bytes + 1)
    finally:
        os.close(descriptor)

"""Arrays that a foreign program wrote: .npy files of a known type, looked at before NumPy reads a value.

Knows no runner. A file is opened without following links, must be a plain one, of exactly the length that its header
promises, and of one of two types; a pickled one is refused by its header. Reference: NEP 1.

    problem = ArrayError: one phrase and whether it is the path, the array or its numbers
"""

from __future__ import annotations

import io
import os
import re
import stat
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
    stream = io.BytesIO(data)
    try:
        version = npy.read_magic(stream)  # type: ignore[no-untyped-call]
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        if version not in ((1, 0), (2, 0)):
            raise ArrayError("array", f"wrote {name} in version {version} of the format")
        shape, fortran, found = read(stream, max_header_size=_MOST_HEADER)  # type: ignore[no-untyped-call]
    except (ValueError, SyntaxError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        if isinstance(error, ArrayError):
            raise
        raise ArrayError("array", f"wrote {name}, which is no .npy file") from None
    wanted = np.dtype(dtype).newbyteorder("<")
    if found.hasobject:
        raise ArrayError("array", f"wrote {name} as a pickle, which is never read")
    if found != wanted or fortran or len(shape) != dimensions or 0 in shape or min(shape) < 0:
        told = f"{found} of shape {shape}" + (" in Fortran's order" if fortran else "")
        raise ArrayError("array", f"wrote {name} as {told}; it must be {wanted} of {dimensions} dimensions")
    count = 1
    for size in shape:
        count *= size
    if count * wanted.itemsize != len(data) - stream.tell():
        raise ArrayError("array", f"wrote {name} with another number of bytes than its header says")
    array = np.frombuffer(data, wanted, count, stream.tell()).reshape(shape).astype(dtype)
    if not np.isfinite(array).all():
        raise ArrayError("not finite", f"wrote {name} with a value that is no finite number")
    return array


def _bytes(path: Path, name: str, most_bytes: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a fifo would be waited for
    except OSError as error:
        raise ArrayError("path", f"names {name}, which cannot be opened: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ArrayError("path", f"names {name}, which is no plain file")
        if status.st_size > most_bytes:
            raise ArrayError("array", f"wrote {name} with {status.st_size} bytes, more than any voice needs")
        return file.read(most_bytes + 1)

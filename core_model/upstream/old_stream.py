"""The form that torch gave checkpoints before 1.6: five pickles one behind another, then the raw values.

Knows no more of their content than container.py does of a zip's, whose place it takes. Refuses a stream that torch
would not have written: another magic, another order of bytes, views, values that end early or late. Reference:
torch.save(..., _use_new_zipfile_serialization=False), whose form has been the same since torch 0.4.

    magic number  protocol 1001  {little_endian, type_sizes, ...}  the content  [key of each storage]     five pickles
    for each key, in that order: its count as eight bytes, little endian, then its values
"""

from __future__ import annotations

import hashlib
import pickletools
import warnings
from pathlib import Path
from types import TracebackType

import numpy as np

from core_model.errors import CheckpointError
from core_model.upstream import unpickle
from core_model.upstream.container import LARGEST_PICKLE_bytes

MAGIC = 0x1950A86A20F9469CFC6C
BEGINNING = b"\x80\x02\x8a\x0a" + MAGIC.to_bytes(10, "little") + b"."
_PROTOCOL = 1001
_MOST_bytes = 2 * LARGEST_PICKLE_bytes


class OldStream:
    """An open checkpoint in the old form; a context manager, with the doors of `Container`."""

    head = "PK"  # it has no head of its own, and no version was ever written into it

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise CheckpointError(f"cannot be read: {error.strerror}") from error
        try:
            beginning = self._file.read(_MOST_bytes)
            self.start_md5 = hashlib.md5(beginning[:8192], usedforsecurity=False).hexdigest()
            self._pickle, keys, end = _pickles(beginning)
            self._places = self._find(keys, end)
        except BaseException:
            self._file.close()
            raise
        self.storage_keys = frozenset(self._places)

    def __enter__(self) -> OldStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def pickle(self) -> bytes:
        """The bytes of the pickle that holds the content."""
        return self._pickle

    def storage(self, key: str, dtype: np.dtype, count: int) -> np.ndarray:
        """(count,) values of storage *key*, in memory of their own."""
        self.require_storage(key, dtype, count)
        self._file.seek(self._places[key] + 8)
        values = np.fromfile(self._file, dtype, count)
        if len(values) != count:
            raise CheckpointError(f"storage {key} is cut short")
        return values

    def require_storage(self, key: str, dtype: np.dtype, count: int) -> None:
        """CheckpointError unless storage *key* is there and as long as *count* values."""
        if key not in self._places:
            raise CheckpointError(f"storage {key} is missing")
        self._file.seek(self._places[key])
        found = int.from_bytes(self._file.read(8), "little")
        if found != count:
            raise CheckpointError(f"storage {key} has {found} values, where {count} are said to be")

    def _find(self, keys: list[str], start: int) -> dict[str, int]:
        """Where each storage's count stands. Only the content says how wide values are, and its reading proves it."""
        contents = unpickle.read(self._pickle)
        places: dict[str, int] = {}
        for key in keys:
            storage = contents.described.get(key)
            if storage is None or key in places:
                raise CheckpointError(f"storage {key} belongs to no tensor, or is there twice")
            places[key] = start
            start += 8 + storage.count * storage.dtype.itemsize
        if start != (length := self._file.seek(0, 2)):
            told = f"{start - length} bytes are missing at its end" if start > length else "there are bytes behind it"
            raise CheckpointError(f"its values do not end where they should: {told}")
        return places


def is_old_stream(path: Path) -> bool:
    """Whether *path* begins as the old form does."""
    try:
        with path.open("rb") as file:
            return file.read(len(BEGINNING)) == BEGINNING
    except OSError:
        return False


def _pickles(data: bytes) -> tuple[bytes, list[str], int]:
    """(the pickle of the content, the keys of the storages, where the pickles end)."""
    parts = []
    start = 0
    for _ in range(5):
        end = start + _length(data[start:])
        parts.append(data[start:end])
        start = end
    magic, protocol, machine, content, keys = parts
    if unpickle.read(magic).root != MAGIC or unpickle.read(protocol).root != _PROTOCOL:
        raise CheckpointError("it is no checkpoint: it does not start as one of torch does")
    about = unpickle.read(machine).root
    if not isinstance(about, dict) or about.get("little_endian") is not True:
        raise CheckpointError("its values are not in little-endian order")
    listed = unpickle.read(keys).root
    if not isinstance(listed, list) or not all(isinstance(key, str) for key in listed):
        raise CheckpointError("its list of storages is none")
    if len(content) > LARGEST_PICKLE_bytes:
        raise CheckpointError(f"its pickle is larger than {LARGEST_PICKLE_bytes >> 20} MiB: no list of tensors is")
    return content, listed, start


def _length(data: bytes) -> int:
    """How long the first pickle in *data* is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pickletools decodes escapes in names, and warns of unknown ones
            for opcode, _, position in pickletools.genops(data):
                if opcode.name == "STOP":
                    return (position or 0) + 1
    except (ValueError, IndexError, OverflowError) as error:
        raise CheckpointError(f"its pickle is malformed: {error}") from error
    raise CheckpointError("its pickle does not end")

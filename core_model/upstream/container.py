"""The zip that torch writes a checkpoint into: one pickle, and one raw array for each storage.

Knows nothing of what the pickle says. Reads stored entries only, each checked against its CRC, and refuses a file that
torch would not have written: compressed, encrypted, overlapping or surplus entries, bytes before or behind the archive.
Reference: PKWARE APPNOTE; torch.save since 1.6. GPT-SoVITS overwrites the first two bytes with a code for the version.

    PK or 05 ...    <root>/data.pkl          pickle, protocol 2
                    <root>/data/<n>          raw values, little endian
                    <root>/version           "3"
                    <root>/byteorder         "little"; absent in older files
                    <root>/.data/serialization_id, .format_version, .storage_alignment     of newer torch, unused
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
from pathlib import Path
from types import TracebackType

import numpy as np

from core_model.errors import CheckpointError

HEADS = ("PK", "00", "01", "02", "03", "04", "05", "06")
LARGEST_PICKLE_bytes = 4 << 20  # a voice's is 0.1 MiB: names and shapes, no values
_LARGEST_DIRECTORY_bytes = 1 << 20  # 1000 tensors with two optimizer states each take 200 KiB
_TAIL_bytes = (1 << 16) + 22 + 76  # an end record, the longest comment, the records of large archives
_EXTRAS = ("version", "byteorder", ".format_version", ".storage_alignment", ".data/serialization_id")
_STORAGE = re.compile(r"data/(0|[1-9][0-9]{0,8})")


class Container:
    """An open checkpoint file; a context manager. CheckpointError wherever the file is not what torch writes."""

    def __init__(self, path: Path) -> None:
        self._file = OriginalMagic(path)
        try:
            self.head = self._file.head  # "PK", or the code written over it
            self.start_md5 = self._file.start_md5
            self._zip = _open_zip(self._file)
            self._entries = _entries(self._zip, self._file.length)
            self.storage_keys = frozenset(_storage_key(name) for name in self._entries if name.startswith("data/"))
            self._check_extras()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Container:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        self._file.close()

    def pickle(self) -> bytes:
        """The bytes of the pickle."""
        if "data.pkl" not in self._entries:
            raise CheckpointError("the archive holds no data.pkl")
        if self._entries["data.pkl"].file_size > LARGEST_PICKLE_bytes:
            raise CheckpointError(f"its pickle is larger than {LARGEST_PICKLE_bytes >> 20} MiB: no list of tensors is")
        return bytes(self._read("data.pkl"))

    def storage(self, key: str, dtype: np.dtype, count: int) -> np.ndarray:
        """(count,) values of storage *key*, in memory of their own."""
        self.require_storage(key, dtype, count)
        return np.frombuffer(self._read(f"data/{key}"), dtype)

    def require_storage(self, key: str, dtype: np.dtype, count: int) -> None:
        """CheckpointError unless storage *key* is there and as long as *count* values."""
        entry = self._entries.get(f"data/{key}")
        if entry is None:
            raise CheckpointError(f"storage {key} is missing")
        if entry.file_size != count * dtype.itemsize:
            raise CheckpointError(
                f"storage {key} has {entry.file_size} bytes, its {count} values need {count * dtype.itemsize}"
            )

    def _check_extras(self) -> None:
        surplus = [
            name for name in self._entries if name not in ("data.pkl", *_EXTRAS) and not name.startswith("data/")
        ]
        if surplus:
            raise CheckpointError(f"{surplus[0]!r} is no part of a checkpoint")
        if "byteorder" in self._entries and self._read("byteorder") != b"little":
            raise CheckpointError("its values are not in little-endian order")
        if "version" in self._entries and self._read("version").strip() != b"3":
            raise CheckpointError("its archive version is not 3")

    def _read(self, name: str) -> bytearray:
        entry = self._entries[name]
        values = bytearray(entry.file_size)
        try:
            with self._zip.open(entry) as stream:
                filled = 0
                while piece := stream.read(1 << 20):  # the last read compares the CRC
                    values[filled : filled + len(piece)] = piece
                    filled += len(piece)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise CheckpointError(f"{name} is damaged: {error}") from error
        if filled != entry.file_size:
            raise CheckpointError(f"{name} is cut short")
        return values


class OriginalMagic(io.RawIOBase):
    """The file as torch wrote it: reads give PK at its start, whatever stands there; the file is not touched.

    CheckpointError unless PK or one of GPT-SoVITS's codes stands there; with *any_head* anything may.
    """

    def __init__(self, path: Path, *, any_head: bool = False) -> None:
        super().__init__()
        try:
            self._raw = path.open("rb")
            beginning = self._raw.read(8192)
        except OSError as error:
            raise CheckpointError(f"cannot be read: {error.strerror}") from error
        start = beginning[:4]
        self.start_md5 = hashlib.md5(beginning, usedforsecurity=False).hexdigest()  # as the file has them, head and all
        self.length = os.fstat(self._raw.fileno()).st_size
        self.head = start[:2].decode("ascii", "replace")
        self._raw.seek(0)
        if (self.head not in HEADS and not any_head) or start[2:] != b"\x03\x04":
            self._raw.close()
            raise CheckpointError(
                "it is no checkpoint: it does not start as a zip of torch, or one of GPT-SoVITS, does"
            )

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        position = self._raw.tell()
        count = self._raw.readinto(buffer)
        for index in range(position, min(2, position + count)):
            buffer[index - position] = b"PK"[index]
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def require_small_directory(file: io.RawIOBase | io.BytesIO, *, to_the_end: bool) -> None:
    """Refuse a zip whose directory is missing, or too large to be read into memory unseen.

    With *to_the_end* also one that does not end with its directory. The zipfile module would ask for as much memory as
    the end record claims, and make an object for every entry that it lists.
    """
    length = file.seek(0, os.SEEK_END)
    file.seek(max(0, length - _TAIL_bytes))
    tail = file.read() or b""
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < 22:
        raise CheckpointError("its archive is damaged or cut short: the directory at its end is missing")
    if to_the_end and len(tail) - place != 22:
        raise CheckpointError("there are bytes behind its archive")
    directory_bytes = int.from_bytes(tail[place + 12 : place + 16], "little")
    if place >= 20 and tail[place - 20 : place - 16] == b"PK\x06\x07":  # there is a record for large archives, too
        if place < 76 or tail[place - 76 : place - 72] != b"PK\x06\x06":
            raise CheckpointError("its archive is damaged or cut short: the directory at its end is missing")
        directory_bytes = int.from_bytes(tail[place - 36 : place - 28], "little")
    if directory_bytes > _LARGEST_DIRECTORY_bytes:
        raise CheckpointError("its archive lists more than any checkpoint holds")


def _open_zip(file: OriginalMagic) -> zipfile.ZipFile:
    require_small_directory(file, to_the_end=True)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError, OverflowError) as error:
        raise CheckpointError(f"its archive is damaged or cut short: {error}") from error
    if archive.comment:
        raise CheckpointError("there are bytes behind its archive")
    return archive


def _entries(archive: zipfile.ZipFile, length: int) -> dict[str, zipfile.ZipInfo]:
    """{name below the root: entry}, after every check that needs no content."""
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    if not infos:
        raise CheckpointError("its archive is empty")
    if infos[0].header_offset != 0:
        raise CheckpointError("there are bytes in front of its archive")
    root = infos[0].filename.partition("/")[0]
    entries: dict[str, zipfile.ZipInfo] = {}
    for info, following in zip(infos, [*(info.header_offset for info in infos[1:]), length], strict=True):
        name = info.filename.removeprefix(root + "/")
        if name == info.filename or name in entries:
            raise CheckpointError(f"{info.filename!r} is outside the root {root!r}, or there twice")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise CheckpointError(f"{name} is compressed, which torch never does")
        if info.flag_bits & 0x2061:  # encrypted in one way or another, or a patch
            raise CheckpointError(f"{name} is encrypted")
        if info.header_offset + 30 + len(info.filename) + info.file_size > following:
            raise CheckpointError(f"{name} overlaps what follows it")
        entries[name] = info
    return entries


def _storage_key(name: str) -> str:
    match = _STORAGE.fullmatch(name)
    if match is None:
        raise CheckpointError(f"{name!r} is no name of a storage")
    return match[1]

"""A shelf: a directory of bundles, what its owner says of its copies (shelf.toml), and its fixity log (fixity.jsonl).

Knows neither bundles nor digests. The log is only ever appended to, one whole line at a time, each brought to the disk;
a line that a power cut left unfinished is passed over by its reader. docs/scrub.md.

    shelf.toml                          fixity.jsonl
    [[copies]]                          {"event": "begin", "run": "2026-11-21T15:00:00Z", "bundles": 200}
    place = "the office"                {"event": "bundle", "run": ..., "path": "a/anna.voice", "sha256": ..., ...}
    [[copies]]                          {"event": "end", "run": ..., "changes": 0}
    place = "a bank's vault"
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from lifecycle.errors import ShelfBusyError, ShelfError

SHELF = "shelf.toml"
LOG = "fixity.jsonl"
COPIES = 3
PLACES = 2
_MOST_SHELF_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Copies:
    """How many copies of a shelf there are, this one included, and in which places."""

    places: tuple[str, ...]

    def warnings(self) -> tuple[str, ...]:
        """What is to be said of too few of them."""
        number, places = len(self.places), len(set(self.places))
        told = []
        if number < COPIES:
            told.append(f"{number} of at least {COPIES} copies recorded in {SHELF}: one fault may be the last")
        if places < PLACES:
            told.append(f"{places or 'no'} place recorded in {SHELF}: a fire or a theft there takes every copy")
        return tuple(told)


def read_copies(directory: Path) -> Copies:
    """Read shelf.toml, whose tables [[copies]] each name a place; without it nothing is recorded. ShelfError."""
    path = directory / SHELF
    try:
        with _open_regular(path, os.O_RDONLY) as file:
            data = file.read(_MOST_SHELF_BYTES + 1)
        if len(data) > _MOST_SHELF_BYTES:
            raise ShelfError(f"{path} has more than {_MOST_SHELF_BYTES} bytes")
        document = tomllib.loads(data.decode("utf-8"))
    except FileNotFoundError:
        return Copies(())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ShelfError(f"{path} is not TOML: {error}") from error
    unknown = sorted(document.keys() - {"copies"})
    tables = document.get("copies", [])
    if unknown or not isinstance(tables, list):
        raise ShelfError(f"{path}: {unknown[0] if unknown else 'copies'} is not known; it holds tables [[copies]]")
    places = []
    for table in tables:
        place = table.get("place") if isinstance(table, dict) and table.keys() <= {"place", "note"} else None
        if not isinstance(place, str) or not place.strip():
            raise ShelfError(f'{path}: each of [[copies]] holds place = "...", and may hold note = "..."')
        places.append(place.strip())
    return Copies(tuple(places))


class FixityLog:
    """The log of one shelf, held by one process at a time. Made by `open_log`."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._descriptor = file.fileno()
        data = file.read()
        self.records: list[dict[str, Any]] = []
        self.unreadable_lines = 0
        for line in data.split(b"\n"):
            record = _parse(line)
            if record is not None:
                self.records.append(record)
            elif line.strip():
                self.unreadable_lines += 1
        self._torn = bool(data) and not data.endswith(b"\n")

    def append(self, record: Mapping[str, object]) -> None:
        """Add a line and bring it to the disk. OSError; then the line counts as never written."""
        try:
            line = (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8")
        except UnicodeEncodeError:  # the name of a file, which may be any bytes
            line = (json.dumps(record) + "\n").encode("ascii")
        data = b"\n" + line if self._torn else line
        self._torn = True
        if os.write(self._descriptor, data) != len(data):
            raise OSError(28, os.strerror(28), str(self.path))
        os.fsync(self._descriptor)
        self._torn = False
        self.records.append(dict(record))


@contextlib.contextmanager
def open_log(directory: Path) -> Iterator[FixityLog]:
    """Open the fixity log of *directory*, new if there is none. ShelfBusyError while another process has it."""
    path = directory / LOG
    with _open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW) as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ShelfBusyError(directory) from error
        yield FixityLog(path, file)


@contextlib.contextmanager
def _open_regular(path: Path, flags: int) -> Iterator[BinaryIO]:
    """Open a file, and nothing else: a pipe would be waited for, a device has no end. ShelfError."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123  a descriptor has no path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ShelfError(f"{path} is no file")
        yield file


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("event"), str) else None

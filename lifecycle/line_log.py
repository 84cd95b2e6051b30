"""A log of JSON lines, only ever appended to: one whole line at a time, each brought to the disk, by one process.

Knows no field but "event", which every line has. A line that a power cut left unfinished is passed over by its reader,
and the next one begins anew.

    {"event": "bundle", "path": "a/anna.voice", ...}
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from lifecycle.errors import LogBusyError, OutputExistsError


class LineLog:
    """A log that this process holds. Made by `open_lines`."""

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
        line = _line(record)
        data = b"\n" + line if self._torn else line
        self._torn = True
        if os.write(self._descriptor, data) != len(data):
            raise OSError(28, os.strerror(28), str(self.path))
        os.fsync(self._descriptor)
        self._torn = False
        self.records.append(dict(record))


@contextlib.contextmanager
def open_lines(path: Path) -> Iterator[LineLog]:
    """Open the log at *path*, new if there is none. LogBusyError while another process has it; OSError.

    OutputExistsError for anything but a file: a pipe would be waited for, a device has no end.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o644)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123  a descriptor has no path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OutputExistsError(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LogBusyError(path) from None
        yield LineLog(path, file)


def _line(record: Mapping[str, object]) -> bytes:
    try:
        return (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8")
    except UnicodeEncodeError:  # the name of a file that is no text
        return (json.dumps(record) + "\n").encode("ascii")


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("event"), str) else None

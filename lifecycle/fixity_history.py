"""What a fixity log says of one bundle: the lines that `lifecycle scrub` wrote about it, oldest first.

Knows JSON lines and file names; believes nothing in them: a line that is no object is counted, not shown, and a field
that this version does not know is kept as it stands. Opens no bundle.

    {"event": "bundle", "at": "2026-11-21T12:00:00+00:00", "path": "anna.voice", "state": "unchanged", ...}
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BESIDE = "fixity.jsonl"  # where a log is looked for when none was named
_LONGEST_LINE_BYTES = 1 << 16
_MOST_LINES = 100  # the newest: a page is read by a person


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. *more* is whatever else it says, as text."""

    at: str
    state: str
    more: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class History:
    """The newest entries of one bundle in the log *name*, how many older ones there are, and how many lines are bad."""

    name: str
    entries: tuple[Entry, ...]
    older: int
    unreadable: int


def history_of(bundle: Path, bundle_id: str | None, log: Path | None) -> History | None:
    """What *log*, else the log beside *bundle*, says of it; None where there is no log beside it. OSError."""
    path = log or bundle.parent / BESIDE
    if log is None and not path.is_file():
        return None
    entries: list[Entry] = []
    unreadable = 0
    with path.open("rb") as file:
        for line in _lines(file):
            fields = _fields(line)
            if fields is None:
                unreadable += 1
            elif any(_names(value, bundle, bundle_id, path.parent) for value in fields.values()):
                entries.append(_entry(fields))
    return History(path.name, tuple(entries[-_MOST_LINES:]), max(0, len(entries) - _MOST_LINES), unreadable)


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """Lines that hold anything; None for one that is too long to be looked at."""
    while line := file.readline(_LONGEST_LINE_BYTES):
        whole = line.endswith(b"\n") or len(line) < _LONGEST_LINE_BYTES
        rest = line
        while not whole and rest and not rest.endswith(b"\n"):
            rest = file.readline(_LONGEST_LINE_BYTES)
        if not whole:
            yield None
        elif line.strip():
            yield line


def _fields(line: bytes | None) -> dict[str, object] | None:
    try:
        fields = json.loads(line or b"")
    except (ValueError, RecursionError):  # no JSON, no UTF-8, or nested to do harm
        return None
    return fields if isinstance(fields, dict) else None


def _names(value: object, bundle: Path, bundle_id: str | None, directory: Path) -> bool:
    """Whether *value* is the bundle's id, its name, or a path that leads to it."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    return value in (bundle_id, bundle.name) or (
        value.endswith(bundle.name) and (directory / value).absolute() == bundle.absolute()
    )


def _entry(fields: dict[str, object]) -> Entry:
    said = {name: value for name, value in fields.items() if value not in (None, [], "")}
    at, state = _told(said.pop("at", "")), _told(said.pop("state", ""))
    return Entry(at, state, tuple((name, _told(value)) for name, value in said.items() if name != "event"))


def _told(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

"""Retention: until which day the recordings that a voice learnt from may lie where they lie, and which are past it.

Knows files by their names and digests; not sounds, and not how anything is destroyed. Needs no torch and is quick: it
is asked at every start of the command line. A file that another voice may still keep is not past its day.

    HOME/recordings/NAME.json    {"voice", "directory", "ends", "files": {name below the directory: SHA-256}}, 0600

The record names a directory and files, which may be a person's name: it stays in this home, in no voice and no bundle.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from lifecycle.errors import DayError, RetentionUnreadableError
from lifecycle.store import Store, new_file, sync_directory

USUAL_DAYS = 30
MOST_DAYS = 36500


@dataclass(frozen=True, slots=True)
class Term:
    """What one voice learnt from, and the day from which on it should be gone."""

    voice: str
    directory: Path  # absolute
    ends: date
    files: Mapping[str, str]  # below the directory, to SHA-256

    def paths(self) -> Iterator[Path]:
        """Those of the files that are there still, whatever they hold by now."""
        return (path for name in self.files if os.path.lexists(path := self.directory / name))


@dataclass(frozen=True, slots=True)
class Past:
    """A voice whose recordings are past their day."""

    voice: str
    ends: str
    files: int


def term_for(name: str, directory: Path, files: Iterable[Path], days: int, today: date) -> Term:
    """What *name* is to learn from: *files* below *directory*, kept for *days* from *today* on. OSError, DayError."""
    if not 0 <= days <= MOST_DAYS:
        raise DayError(f"recordings are kept for 0 to {MOST_DAYS} days, not {days}")
    root = directory.resolve()
    held = {path.relative_to(root).as_posix(): sha256_of(path) for path in files if not path.is_symlink()}
    return Term(name, root, today + timedelta(days), held)


def remember(store: Store, term: Term) -> None:
    """Write *term* down, in the place of an earlier one of that voice. OSError."""
    files = dict(term.files)
    document = {"voice": term.voice, "directory": str(term.directory), "ends": term.ends.isoformat(), "files": files}
    store.private("recordings")
    with new_file(_path(store, term.voice), mode=0o600) as file:
        file.write(json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")


@contextmanager
def under_term(store: Store, term: Term | None) -> Iterator[None]:
    """Let the block learn from what *term* lists, which is written down before: whoever is killed leaves it.

    Where the block is refused and nothing was learnt, what was written down before is so again. None: no day is set.
    """
    if term is None:
        yield
        return
    before = term_of(store, term.voice)
    remember(store, term)
    try:
        yield
    except Exception:
        if not any((store.home / "work" / term.voice).glob("*.checkpoint.*")):
            if before is None:
                forget(store, term.voice)
            else:
                remember(store, before)
        raise


def term_of(store: Store, name: str) -> Term | None:
    """What is written down of *name*; None: nothing. RetentionUnreadableError."""
    path = _path(store, name)
    return _read(path) if path.is_file() else None


def terms(store: Store) -> tuple[Term, ...]:
    """Everything that is written down. RetentionUnreadableError."""
    return tuple(_read(path) for path in sorted(_directory(store).glob("*.json")))


def past(store: Store, today: date) -> tuple[Past, ...]:
    """Which voices have recordings past their day. RetentionUnreadableError."""
    everything = terms(store)
    found = ((term, sum(1 for _ in paths_past(term, everything, today))) for term in everything)
    return tuple(Past(term.voice, term.ends.isoformat(), files) for term, files in found if files)


def paths_past(term: Term, everything: Iterable[Term], today: date) -> Iterator[Path]:
    """The files of *term* that are there and that no term of *everything* keeps beyond *today*."""
    if term.ends > today:
        return
    kept = {other.directory / name for other in everything if other.ends > today for name in other.files}
    yield from (path for path in term.paths() if path not in kept)


def is_what_it_was(term: Term, path: Path) -> bool:
    """Whether *path* is the file that was read: no link now, below the directory, the same to the byte. OSError."""
    name = path.relative_to(term.directory).as_posix()
    inside = path.resolve() == path and path.is_file()  # *directory* was resolved: a link anywhere on the way shows
    return inside and sha256_of(path) == term.files[name]


def forget(store: Store, name: str) -> None:
    """Remove what is written down of *name*."""
    path = _path(store, name)
    if path.is_file():
        path.unlink()
        sync_directory(path.parent)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file. OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> Term:
    try:
        document = json.loads(path.read_bytes())
        files = {str(name): str(digest) for name, digest in document["files"].items()}
        term = Term(str(document["voice"]), Path(document["directory"]), date.fromisoformat(document["ends"]), files)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RetentionUnreadableError(path) from None
    if term.voice != path.stem or not term.directory.is_absolute() or any(not _is_below(name) for name in files):
        raise RetentionUnreadableError(path)
    return term


def _is_below(name: str) -> bool:
    """Whether a name leads nowhere but down: a record that somebody edited must not destroy what lies elsewhere."""
    parts = name.split("/")
    return all(part not in ("", ".", "..") for part in parts) and "\0" not in name


def _path(store: Store, name: str) -> Path:
    return _directory(store) / f"{name}.json"


def _directory(store: Store) -> Path:
    return store.home / "recordings"

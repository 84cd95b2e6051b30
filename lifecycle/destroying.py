"""Destroy: overwrite and remove a voice or recordings, say what that cannot promise, and leave a record of it.

Knows files; not what a voice sounds like. Nothing outside what was named is touched: links are removed and never
followed, and a file that has a second name elsewhere is removed and not overwritten: that would empty the other, too.

    HOME/ledgers/destroyed.jsonl     one line for each: what, when, whose (a pseudonym), how many files
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from lifecycle.errors import LedgerDisagreesError, NotADirectoryOfRecordingsError
from lifecycle.ledgers import keep, subject_of
from lifecycle.recording import sound_files
from lifecycle.store import Store, new_file, sync_directory
from privacy.errors import LedgerError

RECORD = "destroyed.jsonl"
NOT_PROMISED = (
    "a solid-state disk or a file system that copies on writing (btrfs, zfs, APFS) may keep the old bytes until it "
    "needs the room; snapshots, backups, bundles and copies elsewhere are untouched"
)
_CHUNK = bytes(1 << 20)


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What is gone."""

    what: str  # "voice NAME" or "recordings"; never a path, which may be a person's name
    at: str
    subject: str | None
    files: int
    overwritten: int  # less than files where one had another name elsewhere, or was a link
    bytes: int
    left: tuple[str, ...]  # names of files in a directory of recordings that are none, and stay
    not_promised: str = NOT_PROMISED


def destroy_voice(store: Store, name: str, now: datetime) -> Destroyed:
    """Destroy the voice *name* and what an unfinished training of that name left. StoreError, OSError."""
    directory, subject = store.path(name), _subject(store, name)
    if subject is not None:
        with contextlib.suppress(LedgerError, LedgerDisagreesError):  # a damaged one is kept by nobody
            keep(store, subject)
    with store.scratch(name) as scratch:
        gone = scratch / name
        directory.rename(gone)  # from here on there is no such voice, whatever is interrupted
        sync_directory(store.voices_directory)
        work = store.home / "work" / name
        files = [*_files_below(gone), *(_files_below(work) if work.is_dir() else ())]
        done = _overwrite_all(files, f"voice {name}", now, subject)
        shutil.rmtree(work, ignore_errors=True)
    _record(store, done)
    return done


def what_is_destroyed(directory: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Of a directory: sounds with the texts beside them, and what stays. NotADirectoryOfRecordingsError."""
    if not directory.is_dir():
        raise NotADirectoryOfRecordingsError(directory)
    root = directory.resolve()
    sounds = sorted(sound_files(root))
    texts = [text for sound in sounds if (text := sound.with_suffix(".txt")).is_file() and not text.is_symlink()]
    going = (*sounds, *dict.fromkeys(texts))
    return going, tuple(path for path in _files_below(root) if path not in set(going))


def destroy_recordings(store: Store, name: str, directory: Path, now: datetime) -> Destroyed:
    """Destroy the recordings of the voice *name* below *directory*, with the texts beside them; other files stay."""
    going, staying = what_is_destroyed(directory)
    left = tuple(path.relative_to(directory.resolve()).as_posix() for path in staying)
    done = _overwrite_all(going, "recordings", now, _subject(store, name), left)
    _record(store, done)
    return done


def _subject(store: Store, name: str) -> str | None:
    """Whose it is, if that can still be read: a damaged ledger is no reason to keep anything."""
    try:
        return subject_of(store, name)
    except LedgerError:
        return None


def _overwrite_all(
    files: Iterable[Path], what: str, now: datetime, subject: str | None, left: tuple[str, ...] = ()
) -> Destroyed:
    count = overwritten = size = 0
    directories: set[Path] = set()
    for path in files:
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            _overwrite(path, status.st_size)
            overwritten += 1
            size += status.st_size
        path.unlink()
        count += 1
        directories.add(path.parent)
    for parent in directories:
        sync_directory(parent)
    return Destroyed(what, now.isoformat(timespec="seconds"), subject, count, overwritten, size, left)


def _overwrite(path: Path, size: int) -> None:
    """Zeros over every byte, in place, brought to the disk. Once: NIST SP 800-88 Rev. 1 asks for no more of a disk."""
    path.chmod(0o600)
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        for begin in range(0, size, len(_CHUNK)):
            file.write(_CHUNK[: size - begin])
        os.fsync(file.fileno())


def _files_below(directory: Path) -> Iterator[Path]:
    """Every file and link below *directory*, sorted; links to directories are links."""
    for root, directories, files in os.walk(directory):
        directories.sort()
        links = [name for name in directories if Path(root, name).is_symlink()]
        yield from (Path(root, name) for name in sorted([*files, *links]))


def _record(store: Store, done: Destroyed) -> None:
    path = store.private("ledgers") / RECORD
    before = path.read_bytes() if path.is_file() else b""
    with new_file(path, mode=0o600) as file:
        file.write(before + json.dumps(asdict(done), sort_keys=True).encode() + b"\n")

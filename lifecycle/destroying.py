"""Destroy: overwrite and remove a voice, recordings or an unfinished training; say what that cannot promise; record it.

Knows files; not what a voice sounds like, and not until when anything may be kept (retention). Keys go first, then what
they open. Nothing outside what was named is touched: links are removed and never followed, and a file that has a second
name elsewhere is removed and not overwritten: that would empty the other, too.

    HOME/ledgers/destroyed.jsonl     one line for each: what, when, whose (a pseudonym), how many files; no path
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from lifecycle.errors import (
    LedgerDisagreesError,
    NotADirectoryOfRecordingsError,
    NoTermError,
    NoUnfinishedTrainingError,
)
from lifecycle.ledgers import keep, subject_of
from lifecycle.overwriting import overwrite_and_remove
from lifecycle.recording import sound_files
from lifecycle.retention import Term, forget, is_what_it_was, paths_past, term_of, terms
from lifecycle.store import Store, new_file, require_name, sync_directory
from lifecycle.work_vault import destroy_key, key_path
from privacy.errors import LedgerError

RECORD = "destroyed.jsonl"
NOT_PROMISED = (
    "a solid-state disk or a file system that copies on writing (btrfs, zfs, APFS) may keep the old bytes, a key's "
    "among them, until it needs the room; snapshots, backups, bundles and copies elsewhere are untouched"
)


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What is gone."""

    what: str  # "voice NAME", "recordings" or "unfinished training of NAME"; never a path, which may name a person
    at: str
    subject: str | None
    files: int
    overwritten: int  # less than files where one had another name elsewhere, or was a link
    bytes: int
    left: tuple[str, ...]  # names of files that stay: none of the recordings, or changed since they were read
    keys: int = 0  # of the files: keys, which went first
    not_promised: str = NOT_PROMISED


@dataclass(frozen=True, slots=True)
class Going:
    """What of one voice's recordings is to go, and what stays."""

    voice: str
    files: tuple[Path, ...]
    left: tuple[str, ...]
    unfinished: bool = False  # an unfinished training of it goes, too


def destroy_voice(store: Store, name: str, now: datetime) -> Destroyed:
    """Destroy the voice *name* and what an unfinished training of it left, its key first. StoreError, OSError."""
    directory, subject = store.path(name), _subject(store, name)
    if subject is not None:
        with contextlib.suppress(LedgerError, LedgerDisagreesError):  # a damaged one is kept by nobody
            keep(store, subject)
    key = destroy_key(store, name)
    with store.abandoned(name) as abandoned, store.scratch(name) as scratch:
        gone = scratch / name
        directory.rename(gone)  # from here on there is no such voice, whatever is interrupted
        sync_directory(store.voices_directory)
        work = store.home / "work" / name
        files = [path for place in (gone, work, *abandoned) for path in _files_below(place)]
        done = _overwrite_all(files, f"voice {name}", now, subject, key=key)
        shutil.rmtree(work, ignore_errors=True)
    _record(store, done)
    return done


def destroy_work(store: Store, name: str, now: datetime) -> Destroyed:
    """Destroy the key of the unfinished training of *name*, then what it opened, and a voice that was half written.

    NoUnfinishedTrainingError; BusyError while somebody trains it; OSError.
    """
    require_unfinished(store, name)
    subject = _subject(store, name) if name in store.names() else None
    with store.work_alone(name) as held, store.abandoned(name) as abandoned:
        key = destroy_key(store, name)
        files = (path for place in (held, *abandoned) for path in _files_below(place))
        done = _overwrite_all(files, f"unfinished training of {name}", now, subject, key=key)
        shutil.rmtree(held, ignore_errors=True)
    _record(store, done)
    return done


def require_unfinished(store: Store, name: str) -> None:
    """NoUnfinishedTrainingError unless a training of *name* was begun and not finished; VoiceNameError."""
    if not is_unfinished(store, require_name(name)):
        raise NoUnfinishedTrainingError(name)


def is_unfinished(store: Store, name: str) -> bool:
    """Whether a training of *name* left its key, or what it kept."""
    return (store.home / "work" / name).is_dir() or key_path(store, name).exists()


def what_is_destroyed(directory: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Of a directory: sounds with the texts beside them, and what stays. NotADirectoryOfRecordingsError."""
    if not directory.is_dir():
        raise NotADirectoryOfRecordingsError(directory)
    root = directory.resolve()
    sounds = sorted(sound_files(root))
    texts = [text for sound in sounds if (text := sound.with_suffix(".txt")).is_file() and not text.is_symlink()]
    going = (*sounds, *dict.fromkeys(texts))
    return going, tuple(path for path in _files_below(root) if path not in set(going))


def what_it_learnt_from(store: Store, name: str) -> Going:
    """Of the files that the voice *name* learnt from: what is as it was; what was changed, and stays. NoTermError."""
    term = term_of(store, require_name(name))
    if term is None:
        raise NoTermError(name)
    return _sorted_out(term, term.paths())


def what_is_past(store: Store, now: datetime) -> tuple[Going, ...]:
    """What is past its day, voice by voice, with unfinished trainings of it. RetentionUnreadableError."""
    everything = terms(store)
    found = []
    for term in everything:
        if term.ends <= now.date():
            going = _sorted_out(term, paths_past(term, everything, now.date()))
            found.append(replace(going, unfinished=is_unfinished(store, term.voice)))
    return tuple(found)


def destroy_recordings(store: Store, name: str, directory: Path, now: datetime) -> Destroyed:
    """Destroy the recordings of the voice *name* below *directory*, with the texts beside them; other files stay."""
    going, staying = what_is_destroyed(directory)
    left = tuple(path.relative_to(directory.resolve()).as_posix() for path in staying)
    done = _overwrite_all(going, "recordings", now, _subject(store, name), left)
    term = term_of(store, name)
    if term is not None and not any(term.paths()):
        forget(store, name)
    _record(store, done)
    return done


def destroy_known(store: Store, going: Going, now: datetime) -> Destroyed:
    """Destroy what *going* lists, the unfinished training first. What stays is nobody's to keep track of any more.

    BusyError while somebody trains the voice; OSError.
    """
    if going.unfinished:
        destroy_work(store, going.voice, now)
    subject = _subject(store, going.voice) if going.voice in store.names() else None
    done = _overwrite_all(going.files, "recordings", now, subject, going.left)
    forget(store, going.voice)
    _record(store, done)
    return done


def _sorted_out(term: Term, paths: Iterable[Path]) -> Going:
    files: list[Path] = []
    left: list[str] = []
    for path in paths:
        if is_what_it_was(term, path):
            files.append(path)
        else:
            left.append(path.relative_to(term.directory).as_posix())
    return Going(term.voice, tuple(files), tuple(left))


def _subject(store: Store, name: str) -> str | None:
    """Whose it is, if that can still be read: a damaged ledger is no reason to keep anything."""
    try:
        return subject_of(store, name)
    except LedgerError:
        return None


def _overwrite_all(
    files: Iterable[Path],
    what: str,
    now: datetime,
    subject: str | None,
    left: tuple[str, ...] = (),
    *,
    key: int | None = None,
) -> Destroyed:
    """*key*: the size of a key that was overwritten and removed before, if there was one."""
    keys = 0 if key is None else 1
    count = overwritten = keys
    size = key or 0
    directories: set[Path] = set()
    for path in files:
        done = overwrite_and_remove(path)
        if done is not None:
            overwritten += 1
            size += done
        count += 1
        directories.add(path.parent)
    for parent in directories:
        sync_directory(parent)
    return Destroyed(what, now.isoformat(timespec="seconds"), subject, count, overwritten, size, left, keys)


def _files_below(directory: Path) -> Iterator[Path]:
    """Every file and link below *directory*, if it is there, sorted; links to directories are links."""
    for root, directories, files in os.walk(directory):
        directories.sort()
        links = [name for name in directories if Path(root, name).is_symlink()]
        yield from (Path(root, name) for name in sorted([*files, *links]))


def _record(store: Store, done: Destroyed) -> None:
    path = store.private("ledgers") / RECORD
    before = path.read_bytes() if path.is_file() else b""
    line = asdict(done) | {"left": len(done.left)}
    with new_file(path, mode=0o600) as file:
        file.write(before + json.dumps(line, sort_keys=True).encode() + b"\n")

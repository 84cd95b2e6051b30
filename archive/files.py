"""Whole or not at all: files and directories that appear under their name only when they are complete.

Knows no format. Everything is written to a sibling `.NAME.<16 hex digits>.partial`, brought to the disk, and renamed.
A process that dies leaves that sibling behind, never half of NAME. Whoever works in one holds a lock on it, which the
system drops when its process ends; so the next run that writes NAME knows the dead ones, and removes them.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from archive.errors import DestinationExistsError, FormatError

if sys.platform != "win32":
    import fcntl

_LEFTOVER = re.compile(r"\..+\.[0-9a-f]{16}\.partial")
# O_EXCL: nobody else's file. O_NOFOLLOW: nobody else's link.
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_READ = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


@contextmanager
def replacing(destination: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of *destination* when the block ends, and vanishes if the block fails."""
    temporary = _sibling(destination)
    try:
        with create(temporary) as file:
            yield file
            os.fsync(file.fileno())
        temporary.replace(destination)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(destination.parent)


@contextmanager
def appearing(destination: Path) -> Iterator[Path]:
    """A new directory, readable by its owner alone, that becomes *destination* when the block ends.

    DestinationExistsError if something is there, before the block or at its end.
    """
    require_absent(destination)
    with workplace(destination) as temporary:
        yield temporary
        for directory, _, _ in os.walk(temporary, topdown=False):
            _sync_directory(Path(directory))
        if os.path.lexists(destination):  # os.rename would put us over an empty directory without a word
            raise DestinationExistsError(destination)
        try:
            temporary.rename(destination)
        except OSError as error:
            if os.path.lexists(destination):
                raise DestinationExistsError(destination) from error
            raise
    _sync_directory(destination.parent)


def create(path: Path) -> BinaryIO:
    """A new file, open for writing, unbuffered; FileExistsError if anything has this name, even a dangling link."""
    return open(os.open(path, _CREATE, 0o644), "wb", buffering=0)  # noqa: PTH123  Path.open cannot take these flags


@contextmanager
def building(destination: Path, name: str) -> Iterator[Path]:
    """As `replacing`, for a file that is called *name* in a directory of its own while the block writes it.

    Yields the directory, where other programs may leave what they need meanwhile: all but *name* vanishes.
    """
    with workplace(destination) as temporary:
        yield temporary
        with (temporary / name).open("rb") as file:
            os.fsync(file.fileno())
        (temporary / name).replace(destination)
    _sync_directory(destination.parent)


def write_all(file: BinaryIO, data: bytes | memoryview) -> None:
    """Unbuffered writes may be short: go on until all of it is written."""
    view = memoryview(data)
    while len(view):
        view = view[file.write(view) :]


def open_regular(path: Path) -> BinaryIO:
    """The file at *path*, open for reading, unbuffered. FormatError for a device or a pipe, which need not end."""
    descriptor = os.open(path, _READ)
    try:
        file: BinaryIO = os.fdopen(descriptor, "rb", buffering=0)
    except OSError as error:  # a directory
        os.close(descriptor)
        raise type(error)(error.errno, error.strerror, str(path)) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise FormatError(f"{path} is not a regular file")
    return file


def require_absent(destination: Path) -> None:
    """DestinationExistsError if something is there.

    A run that was killed when it had just made it left a directory: that goes all the same.
    """
    if os.path.lexists(destination):
        _sweep(destination)
        raise DestinationExistsError(destination)


def leftovers(directory: Path) -> list[Path]:
    """What interrupted runs left in *directory*, and what others are working in."""
    return sorted(path for path in directory.iterdir() if _LEFTOVER.fullmatch(path.name))


@contextmanager
def workplace(destination: Path) -> Iterator[Path]:
    """A new directory beside *destination*, locked while the block runs, and gone after it unless it was renamed."""
    _sweep(destination)
    while True:
        temporary = _sibling(destination)
        temporary.mkdir(mode=0o700)
        lock = _lock(temporary)
        if os.path.lexists(temporary):
            break
        if lock is not None:  # somebody who swept between the two lines took it for a dead one
            os.close(lock)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _sweep(destination: Path) -> None:
    """Remove the directories that dead runs left of *destination*. What is locked belongs to a run that is alive."""
    prefix = f".{destination.name}."
    for path in leftovers(destination.parent) if destination.parent.is_dir() else []:
        if path.name.startswith(prefix) and len(path.name) == len(_sibling(destination).name) and not path.is_symlink():
            lock = _lock(path, wait=False) if path.is_dir() else None
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)


def _lock(directory: Path, *, wait: bool = True) -> int | None:
    """A descriptor that holds the lock on *directory*; None where another one does, or there are no such locks."""
    if sys.platform == "win32":
        return None  # what the dead leave there stays
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except (FileNotFoundError, PermissionError):  # somebody else has just swept; or it is somebody else's
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # held by another, or on a file system that knows no locks
        os.close(descriptor)
        return None
    return descriptor


def _sibling(destination: Path) -> Path:
    return destination.with_name(f".{destination.name}.{secrets.token_hex(8)}.partial")


def _sync_directory(directory: Path) -> None:
    """A rename is on the disk only when its directory is. Windows cannot open directories and sees to it itself."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

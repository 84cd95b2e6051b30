"""Whole or not at all: files and directories that appear under their name only when they are complete.

Knows no format. Everything is written to a sibling `.NAME.<16 hex digits>.partial`, brought to the disk, and renamed.
A process that dies leaves that sibling behind, never half of NAME; `leftovers` finds them, nothing deletes them by
itself, because another process may be writing one right now.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from archive.errors import DestinationExistsError

_LEFTOVER = re.compile(r"\..+\.[0-9a-f]{16}\.partial")
# O_EXCL: nobody else's file. O_NOFOLLOW: nobody else's link.
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


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
    if os.path.lexists(destination):
        raise DestinationExistsError(destination)
    temporary = _sibling(destination)
    temporary.mkdir(mode=0o700)
    try:
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
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
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
    temporary = _sibling(destination)
    temporary.mkdir(mode=0o700)
    try:
        yield temporary
        with (temporary / name).open("rb") as file:
            os.fsync(file.fileno())
        (temporary / name).replace(destination)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    _sync_directory(destination.parent)


def write_all(file: BinaryIO, data: bytes | memoryview) -> None:
    """Unbuffered writes may be short: go on until all of it is written."""
    view = memoryview(data)
    while len(view):
        view = view[file.write(view) :]


def leftovers(directory: Path) -> list[Path]:
    """What interrupted runs left in *directory*. It is safe to delete once no run is under way."""
    return sorted(path for path in directory.iterdir() if _LEFTOVER.fullmatch(path.name))


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

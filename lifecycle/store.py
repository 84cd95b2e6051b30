"""Where voices live on this machine, what they may be called, and how anything is written: whole or not at all.

Knows nothing of what is inside a voice. DESIGN §4, §6.

    HOME/
      .lock                             held while a temporary directory is made or cleaned away
      voices/NAME/                      one voice
      voices/.NAME.XXXXXXXX.unfinished  what is being worked on; whoever works on it holds a lock on it
      voices/.NAME.XXXXXXXX.replaced    a voice whose place another one takes: `exchanging` tells
      work/NAME/                        an unfinished training run, kept so that it can be resumed

Everything is written to a temporary sibling, flushed to the disk and renamed. A process killed at any moment leaves
the old thing or the new one, and at most a `.unfinished`, which the next writer removes once nobody holds its lock: the
system drops a dead process's locks.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import platformdirs

from lifecycle.errors import (
    BusyError,
    ChangedMeanwhileError,
    NoSuchVoiceOrBundleError,
    OutputExistsError,
    UnknownVoiceError,
    VoiceExistsError,
    VoiceNameError,
)
from lifecycle.exchanging import exchange, is_unsettled, settle

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # one spelling only: two names must not be one directory on a Mac
_DEVICES = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}  # Windows
_UNFINISHED = ".unfinished"
State = frozenset[tuple[str, int, int, int]]  # of each file: path, inode, size, time


def default_home() -> Path:
    """Return $LIFECYCLE_HOME, else the platform's data directory for this program."""
    named = os.environ.get("LIFECYCLE_HOME")
    return Path(named) if named else Path(platformdirs.user_data_dir("lifecycle", appauthor=False))


def require_name(name: str) -> str:
    """Return *name* if a voice may be called so: 1 to 64 of a-z, 0-9, - and _; VoiceNameError if not."""
    if not _NAME.fullmatch(name) or name in _DEVICES:
        raise VoiceNameError(name)
    return name


@dataclass(frozen=True, slots=True)
class Store:
    """The voices below one home directory. Nothing is created before something is written."""

    home: Path

    @property
    def voices_directory(self) -> Path:
        """Where the voices are, one directory each."""
        return self.home / "voices"

    def names(self) -> tuple[str, ...]:
        """Return the names of all voices, sorted."""
        if not self.voices_directory.is_dir():
            return ()
        return tuple(sorted(p.name for p in self.voices_directory.iterdir() if p.is_dir() and _NAME.fullmatch(p.name)))

    def path(self, name: str) -> Path:
        """Return the directory of the voice *name*; UnknownVoiceError if there is none."""
        path = self.voices_directory / require_name(name)
        if not path.is_dir() and is_unsettled(self.voices_directory, name):  # whoever was replacing it was killed
            with self._locked():
                settle(self.voices_directory, name)
        if not path.is_dir():
            raise UnknownVoiceError(name, self.names())
        return path

    def named(self, name: str) -> Path:
        """The same where a file could have been meant too: NoSuchVoiceOrBundleError if *name* could be no voice's."""
        try:
            return self.path(name)
        except VoiceNameError:  # what voices may be called would be no help
            raise NoSuchVoiceOrBundleError(name) from None

    def require_free(self, name: str) -> None:
        """Refuse *name* if it is no name or is taken: VoiceNameError, VoiceExistsError."""
        path = self.voices_directory / require_name(name)
        if path.exists():
            raise VoiceExistsError(name, path)

    def private(self, *parts: str) -> Path:
        """Return HOME/PARTS..., made if need be: what is made, the home too, is its owner's alone under any umask.

        One that is there keeps the mode that it has: whoever opened it to others knows why.
        """
        self.home.parent.mkdir(parents=True, exist_ok=True)
        path = self.home
        path.mkdir(mode=0o700, exist_ok=True)  # `parents=True` would give the home the umask's mode
        for part in parts:
            path = path / part
            path.mkdir(mode=0o700, exist_ok=True)
        return path

    def work_directory(self, name: str) -> Path:
        """Return the directory, made if need be, that keeps an unfinished training of *name*."""
        return self.private("work", require_name(name))

    @contextlib.contextmanager
    def work_alone(self, name: str) -> Iterator[Path]:
        """Yield the work directory of *name*, which no second training has meanwhile: BusyError if one has it now."""
        path = self.work_directory(name)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(_directory_lock(path))
            except BlockingIOError:
                raise BusyError(name) from None
            yield path

    @contextlib.contextmanager
    def new_voice(self, name: str) -> Iterator[Path]:
        """Yield an empty directory that becomes the voice *name* if the block ends without an error, else vanishes."""
        if self.voices_directory.is_dir():
            self.clean_leftovers()  # also where the name is taken: by a run that was killed just after that, perhaps
        self.require_free(name)
        with self.scratch(name) as directory:
            made = directory / name
            made.mkdir(mode=0o700)  # a voice is a person's: what was trained is as private as what was restored
            yield made
            sync_tree(made)
            _rename_directory(made, self.voices_directory / name)

    def replace_voice(self, name: str, made: Path, state: State) -> None:
        """Put the directory *made* in the place of the voice *name*, whose `state_of` was *state* when work began.

        ChangedMeanwhileError if it is another one now; then it stays. Whoever looks sees the old voice or the new one,
        after a kill at any moment, too. The old one lies where *made* was.
        """
        path = self.path(name)
        sync_tree(made)
        with self._locked():
            if state_of(path) != state:
                raise ChangedMeanwhileError(name)
            exchange(made, path)
        sync_directory(self.voices_directory)

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """Yield an empty directory beside the voices for work on *name*; it vanishes when the block ends.

        What a killed process left there goes when the next one begins.
        """
        self.private("voices")
        self.clean_leftovers()
        directory = self.voices_directory / f".{require_name(name)}.{secrets.token_hex(4)}{_UNFINISHED}"
        with contextlib.ExitStack() as stack:
            with self._locked():
                directory.mkdir(mode=0o700)
                stack.enter_context(_directory_lock(directory))
            try:
                yield directory
            finally:
                shutil.rmtree(directory, ignore_errors=True)

    def clean_leftovers(self) -> tuple[str, ...]:
        """Remove what killed writers left behind; return the names of what was removed."""
        removed = []
        with self._locked():
            settle(self.voices_directory)
            for path in sorted(self.voices_directory.glob(f".*{_UNFINISHED}")):
                try:
                    with _directory_lock(path):
                        shutil.rmtree(path)
                        removed.append(path.name)
                except BlockingIOError:
                    continue  # its writer is alive
        return tuple(removed)

    @contextlib.contextmanager
    def abandoned(self, name: str) -> Iterator[tuple[Path, ...]]:
        """Yield what killed writers left of *name*, held so that nobody else cleans it; it is gone when the block ends.

        For whoever overwrites it before. What a live writer holds is not among it.
        """
        with contextlib.ExitStack() as stack:
            held = []
            with self._locked() if self.home.is_dir() else contextlib.nullcontext():
                for path in sorted(self.voices_directory.glob(f".{require_name(name)}.*{_UNFINISHED}")):
                    with contextlib.suppress(BlockingIOError):
                        stack.enter_context(_directory_lock(path))
                        held.append(path)
            yield tuple(held)
            for path in held:
                shutil.rmtree(path, ignore_errors=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold HOME/.lock, so that nobody cleans a directory away between its making and its locking."""
        descriptor = os.open(self.home / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def state_of(directory: Path) -> State:
    """What tells whether anything below *directory* was changed, made or taken away since: no content is read."""
    found = ((path, path.lstat()) for path in directory.rglob("*"))
    return frozenset((path.as_posix(), stat.st_ino, stat.st_size, stat.st_mtime_ns) for path, stat in found)


def require_same_kind(path: Path, beginning: bytes) -> None:
    """Refuse to write over the file *path* unless it is empty or begins with *beginning*: it may be the only key.

    What is there and no file, a device or a pipe, is refused too: a rename over /dev/null would be the end of it.
    """
    if path.exists() and not path.is_file():
        raise OutputExistsError(path)
    if path.is_file():
        with path.open("rb") as file:
            if file.read(len(beginning)) not in (b"", beginning):
                raise OutputExistsError(path)


@contextlib.contextmanager
def new_file(path: Path, *, mode: int = 0o666, replace: bool = True) -> Iterator[BinaryIO]:
    """Yield a file that becomes *path* if the block ends without an error, else vanishes.

    What is there already is replaced if it is a file, else OutputExistsError: a rename over /dev/null would be the end
    of that device. With replace=False a file is left alone too. What a killed writer of *path* left beside it goes: it
    may be half of a secret key.
    """
    _sweep(path)
    if path.exists() and not (replace and path.is_file()):
        raise OutputExistsError(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished, descriptor = _begin(path, mode)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replace:
            unfinished.replace(path)
        else:
            _link(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _begin(path: Path, mode: int) -> tuple[Path, int]:
    """A new empty sibling of *path*, open and locked."""
    while True:
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_UNFINISHED}")
        descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        with contextlib.suppress(OSError):  # a file system that knows no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if unfinished.exists():
            return unfinished, descriptor
        os.close(descriptor)  # somebody who swept between the two lines took it for a dead one


def _sweep(path: Path) -> None:
    """Remove what dead writers of *path* left. What is locked belongs to one that is alive."""
    left = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}{re.escape(_UNFINISHED)}")
    for sibling in list(path.parent.iterdir()) if path.parent.is_dir() else []:
        if not left.fullmatch(sibling.name):
            continue
        with contextlib.suppress(OSError):  # alive, somebody else's, or no file at all
            descriptor = os.open(sibling, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    sibling.unlink()
            finally:
                os.close(descriptor)


def sync_tree(directory: Path) -> None:
    """Flush every file and directory below *directory* to the disk."""
    for root, _, files in os.walk(directory):
        for name in files:
            with (Path(root) / name).open("rb") as file:
                os.fsync(file.fileno())
        sync_directory(Path(root))


def sync_directory(directory: Path) -> None:
    """Flush the entries of *directory* to the disk, so that a rename in it survives a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename_directory(unfinished: Path, path: Path) -> None:
    try:
        unfinished.rename(path)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):  # someone else finished first
            raise VoiceExistsError(path.name, path) from error
        raise
    sync_directory(path.parent)


def _link(unfinished: Path, path: Path) -> None:
    """Give *unfinished* its name, but never over another file: a rename would, a link does not."""
    try:
        path.hardlink_to(unfinished)
    except FileExistsError as error:
        raise OutputExistsError(path) from error
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP):
            raise
        unfinished.rename(path)  # a memory stick's file system knows no links; the check at the start has to do there
        return
    unfinished.unlink()


@contextlib.contextmanager
def _directory_lock(directory: Path) -> Iterator[None]:
    """Hold the lock on *directory*, or raise BlockingIOError at once if another process does."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)

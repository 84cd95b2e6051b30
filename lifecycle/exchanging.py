"""Two directories change places: in one step where the system knows how, else in two that a later run can finish.

Knows names and nothing of what is in them. Linux has renameat2(2) with RENAME_EXCHANGE since 3.15 and macOS
renamex_np(2) with RENAME_SWAP; Python offers neither, and not every file system does (NFS does not).

    exchange(new, old)                    old's name now leads to what new led to, and the other way round

In two steps the old directory is called .NAME.XXXXXXXX.replaced for a moment. Whoever finds one calls `settle`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import sys
from pathlib import Path

_AT_FDCWD = -100  # Linux: paths are relative to where the process is
_RENAME_EXCHANGE, _RENAME_SWAP = 2, 2
_NOT_HERE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
_REPLACED = ".replaced"


def exchange(new: Path, old: Path) -> None:
    """Let the directories *new* and *old* change names. OSError; then both are where they were."""
    try:
        _at_once(new, old)
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
        _in_two_steps(new, old)


def is_unsettled(directory: Path, name: str) -> bool:
    """Whether *name* in *directory* may stand aside since an exchange was killed."""
    return any(directory.glob(f".{name}.*{_REPLACED}"))


def settle(directory: Path, name: str | None = None) -> None:
    """Finish or undo what a killed exchange left in *directory*, of *name* alone if that is given.

    If the new one is in its place, the old one goes; if nothing is, the old one comes back.
    """
    for path in sorted(directory.glob(f".{name or '*'}.*{_REPLACED}")):
        original = directory / path.name[1:].split(".")[0]
        if original.exists():
            shutil.rmtree(path)
        else:
            path.rename(original)


def _at_once(new: Path, old: Path) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(new), os.fsencode(old)
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        failed = library.renamex_np(first, second, ctypes.c_uint(_RENAME_SWAP))
    elif sys.platform == "linux" and hasattr(library, "renameat2"):
        failed = library.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, ctypes.c_uint(_RENAME_EXCHANGE))
    else:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if failed:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(new), None, str(old))


def _in_two_steps(new: Path, old: Path) -> None:
    aside = old.with_name(f".{old.name}.{secrets.token_hex(4)}{_REPLACED}")
    old.rename(aside)
    try:
        new.rename(old)
    except OSError:
        aside.rename(old)
        raise
    aside.rename(new)

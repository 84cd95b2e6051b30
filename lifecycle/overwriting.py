"""Zeros over the bytes of a file before its name goes: as much as a program can do, and no more than it says.

Knows one file at a time. Once is enough: NIST SP 800-88 Rev. 1 asks for no more of a disk. A solid-state disk, or a
file system that copies on writing, may write the zeros elsewhere.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_CHUNK = bytes(1 << 20)


def overwrite_and_remove(path: Path) -> int | None:
    """Remove *path*; the bytes that were overwritten before, or None. OSError.

    A link is removed and never followed. A file with a second name elsewhere is not overwritten: that would empty the
    other, too.
    """
    status = path.lstat()
    alone = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
    if alone:
        overwrite(path, status.st_size)
    path.unlink()
    return status.st_size if alone else None


def overwrite(path: Path, size: int) -> None:
    """Zeros over every byte, in place, brought to the disk. OSError."""
    path.chmod(0o600)
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        for begin in range(0, size, len(_CHUNK)):
            file.write(_CHUNK[: size - begin])
        os.fsync(file.fileno())

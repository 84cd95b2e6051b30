"""How what a run keeps between two steps reaches the disk, and comes back: a seam, and its simplest side.

Knows bytes and paths; not what they are. A half-tuned network and its optimizer's moments are made of somebody's
recordings, so whoever trains on a person gives a keeper that seals them (lifecycle.work_vault); `IN_THE_CLEAR` is for
speech that is nobody's, as the embedded base's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Keeper(Protocol):
    """Writes what a run keeps, and reads it again."""

    def write(self, path: Path, pieces: Iterable[bytes | memoryview]) -> None:
        """Make *path* of *pieces*, one after the other: whole or not at all. OSError."""

    def read(self, path: Path) -> bytes | None:
        """What was written; None where nothing was. OSError."""


@dataclass(frozen=True, slots=True)
class InTheClear:
    """Keeps everything as it is, for whoever may read the directory."""

    def write(self, path: Path, pieces: Iterable[bytes | memoryview]) -> None:
        """Beside its place, flushed, and renamed: whoever is killed leaves the old file."""
        partial = path.with_name(path.name + ".partial")
        with partial.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    def read(self, path: Path) -> bytes | None:
        """The bytes, or None."""
        return path.read_bytes() if path.exists() else None


IN_THE_CLEAR = InTheClear()

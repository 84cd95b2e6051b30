"""SHA-256, and SHA-512 for signatures, beside other work.

A bundle is hashed as a whole, by member and by entry, while it is read, encrypted and written: where a core is free, a
digest need not cost any time of its own (archive/beside.py).
"""

from __future__ import annotations

import hashlib
from concurrent.futures import Executor
from functools import partial

from archive.beside import Job


class Digest:
    """SHA-256, or another, of what it is given, computed beside what its owner does."""

    def __init__(self, pool: Executor, algorithm: str = "sha256") -> None:
        self._state = hashlib.new(algorithm)
        self._pool = pool
        self._pending: Job[None] | None = None

    def update(self, data: bytes | memoryview) -> None:
        """Begin to add *data*, which must stay as it is until the next call of any method."""
        self.wait()
        self._pending = Job(partial(self._state.update, data), self._pool)

    def wait(self) -> None:
        """Return when all data has been added: its memory may then be used for something else."""
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def hexdigest(self) -> str:
        """64 lowercase digits."""
        return self.digest().hex()

    def digest(self) -> bytes:
        """The same as bytes."""
        self.wait()
        return self._state.digest()

"""SHA-256 beside other work.

A bundle is hashed as a whole, by member and by entry, while it is read, encrypted and written. hashlib, the cipher
and the file system all let go of the interpreter, so where a core is free a digest need not cost any time of its own.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import Executor, Future


class Digest:
    """SHA-256 of what it is given, computed on a thread of *pool*."""

    def __init__(self, pool: Executor) -> None:
        self._state = hashlib.sha256()
        self._pool = pool
        self._pending: Future[None] | None = None

    def update(self, data: bytes | memoryview) -> None:
        """Begin to add *data*, which must stay as it is until the next call of any method."""
        self.wait()
        self._pending = self._pool.submit(self._state.update, data)

    def wait(self) -> None:
        """Return when all data has been added: its memory may then be used for something else."""
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def hexdigest(self) -> str:
        """64 lowercase digits."""
        self.wait()
        return self._state.hexdigest()

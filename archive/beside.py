"""Work beside other work: a job that a thread of a pool does, or whoever waits for it, whoever is there first.

Knows nothing of what is done. The cipher, hashlib and the file system let go of the interpreter, so two threads on two
cores are twice as fast as one; a third one that only waits costs more than it brings, because it wakes up between their
calls (docs/LOG.md, 2026-11-28). So a pool has one thread less than there are cores, and nobody waits idly.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Generic, TypeVar

_Result = TypeVar("_Result")


class Job(Generic[_Result]):
    """One call of *work*, begun on *pool* when a thread of it is free, or at the latest when its result is wanted."""

    def __init__(self, work: Callable[[], _Result], pool: Executor | None) -> None:
        self._work = work
        self._future: Future[_Result] | None = pool.submit(work) if pool else None
        self._done: list[_Result] = []  # what this thread worked out itself

    def done(self) -> bool:
        """Whether the result is there."""
        return bool(self._done) or (self._future is not None and self._future.done())

    def take(self) -> bool:
        """Do it here and now, unless somebody has begun; whether it was done here."""
        if self._done or not (self._future is None or self._future.cancel()):
            return False
        self._done.append(self._work())
        return True

    def result(self) -> _Result:
        """What came of it; what *work* raised, if it did."""
        if self._done or self.take() or self._future is None:
            return self._done[0]
        return self._future.result()


def next_result(jobs: deque[Job[_Result]]) -> _Result:
    """Take the oldest of *jobs* off and return its result, doing the others meanwhile rather than waiting for it."""
    while not jobs[0].done() and any(job.take() for job in jobs):
        pass
    return jobs.popleft().result()


def threads() -> ThreadPoolExecutor:
    """A pool for jobs: together with the thread that waits for them, one thread for each core."""
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1))

"""Jobs: done once, by whoever is first, in order, and nobody waits while there is something to do."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from archive.beside import Job, next_result, threads


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_each_job_is_done_once_and_results_come_in_order(workers: int) -> None:
    done: list[int] = []

    def work(number: int) -> int:
        done.append(number)
        return number

    with ThreadPoolExecutor(max(1, workers)) as pool:
        jobs = deque(Job(partial(work, number), pool if workers else None) for number in range(200))
        assert [next_result(jobs) for _ in range(200)] == list(range(200))
    assert sorted(done) == list(range(200))


def test_who_waits_for_one_that_is_under_way_does_the_others() -> None:
    """The only thread of the pool is kept busy until the last job ran, which it therefore cannot run itself."""
    begun, finish = threading.Event(), threading.Event()

    def slow() -> threading.Thread:
        begun.set()
        assert finish.wait(60)
        return threading.current_thread()

    with ThreadPoolExecutor(1) as pool:
        jobs: deque[Job[threading.Thread]] = deque([Job(slow, pool)])
        assert begun.wait(60)
        jobs.append(Job(threading.current_thread, pool))

        def last() -> threading.Thread:
            finish.set()
            return threading.current_thread()

        jobs.append(Job(last, pool))
        results = [next_result(jobs) for _ in range(3)]
    assert results[0] is not threading.current_thread()
    assert results[1] is results[2] is threading.current_thread()


def test_a_failure_is_told_whoever_meets_it() -> None:
    for pool in (None, threads()):
        with pytest.raises(ZeroDivisionError):
            Job(lambda: 1 // 0, pool).result()

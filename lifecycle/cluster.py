"""A Dask cluster that is already there: its workers do the tasks, and what a lost worker had is taken up by another.

The only file that knows Dask. A worker does a task as this machine would: in a process of its own. Dask may do a task
twice, when a worker is lost before its answer was fetched; its answer is given on once. Workers need this toolkit, and
the same paths for bundles and keys: no key ever goes through the scheduler. Reference: distributed's documentation.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator, Sequence
from concurrent.futures import CancelledError

from lifecycle.errors import ClusterError, ExtraMissingError
from lifecycle.verifying_many import NOT_RUN, Outcome, Run, Task, run_one

_CONNECT_S = 20


def run_on_cluster(address: str) -> Run:
    """What runs tasks on the cluster whose scheduler is at *address*. ExtraMissingError; ClusterError when it runs."""
    try:
        from distributed import Client, as_completed
        from distributed.scheduler import KilledWorker
    except ImportError as error:
        raise ExtraMissingError(address, "distributed") from error
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what is wrong is told once, as a sentence

    def run(tasks: Sequence[Task]) -> Generator[Outcome, None, None]:
        try:
            client = Client(address, timeout=_CONNECT_S)
        except (OSError, ValueError) as error:
            raise ClusterError(address, f"no Dask scheduler answers there ({error})") from None
        with client:
            # impure: two tasks that look the same are two; each has a key of its own, and so one answer
            futures = {client.submit(run_one, task, pure=False): task for task in tasks}
            try:
                for future in as_completed(list(futures)):
                    failure = future.exception()
                    if failure is None:
                        yield future.result()
                    else:
                        lost = "workers were lost while they had it, several times"
                        told = lost if isinstance(failure, KilledWorker) else f"{type(failure).__name__}: {failure}"
                        yield _not_run(futures[future], told)
            except (OSError, CancelledError) as error:
                raise ClusterError(address, f"the scheduler was lost ({type(error).__name__})") from None
            finally:
                with contextlib.suppress(OSError, CancelledError):
                    client.cancel(list(futures))

    return run


def _not_run(task: Task, told: str) -> Outcome:
    return {"place": task["place"], "size": task["size"], "sha256": None, "verdict": NOT_RUN, "told": told}

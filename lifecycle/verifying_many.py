"""Verify many bundles: each in a process of its own, here or on a cluster, with a log from which a run goes on.

Knows tasks, outcomes and the log; what verifies one bundle is the program `verifying_one`, and where tasks run is
handed in. A task is JSON: places and the paths of keys, never what is in them. A bundle that passed, drifted or is
damaged is done; one that was refused, or could not be run, is tried again by the next run. docs/verify.md.

    {"event": "verify", "asked": {...}}                      whenever a run begins
    {"event": "bundle", "place": "a/anna.voice", "size": 9363, "sha256": ..., "verdict": "passed", ...}
    {"event": "end", "passed": 198, "drifted": 1, ...}
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from archive.errors import FormatError
from lifecycle.errors import PlaceError
from lifecycle.line_log import LineLog, open_lines
from lifecycle.places import Found, local_copy
from lifecycle.store import require_same_kind

PASSED, DRIFTED, DAMAGED, REFUSED, NOT_RUN = VERDICTS = ("passed", "drifted", "damaged", "refused", "not run")

Task = dict[str, Any]
Outcome = dict[str, Any]
Run = Callable[[Sequence[Task]], Generator[Outcome, None, None]]

_BEGINS = b'{"event": "verify"'
_DONE = (PASSED, DRIFTED, DAMAGED)
_SAID = ("verdict", "told", "voice", "bundle_id", "trusted", "layer", "ledger", "cause", "runtimes")
_VERSIONS = ("lifecycle", "numpy", "onnxruntime", "torch")
_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Asked:
    """How each of the bundles is to be verified. Keys are paths of files, which every worker reads for itself."""

    identities: tuple[str, ...]
    passphrase_file: str | None
    trusted: tuple[str, ...]
    accept_unsigned: bool
    runtimes: tuple[str, ...]
    home: str | None  # None: each worker's own
    now: str  # ISO 8601: the moment as of which keys are trusted
    limit_s: float  # for each bundle

    def facts(self) -> dict[str, Any]:
        """What two runs must have in common for one to take over the other's outcomes."""
        facts = {name: value for name, value in asdict(self).items() if name not in ("now", "limit_s")}
        return json.loads(json.dumps(facts | {"versions": _versions()}))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Verified:
    """A finished run: an outcome for each bundle, in the order of their places."""

    outcomes: tuple[Outcome, ...]
    resumed: int  # of them from the log, whose file is still the same to the byte
    unreadable_lines: int  # of the log

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each verdict."""
        found = Counter(outcome["verdict"] for outcome in self.outcomes)
        return {verdict: found[verdict] for verdict in VERDICTS}

    @property
    def passed(self) -> bool:
        """Whether every one passed."""
        return all(outcome["verdict"] == PASSED for outcome in self.outcomes)


def verify_many(
    bundles: Sequence[Found],
    asked: Asked,
    run: Run,
    *,
    log_file: Path | None = None,
    tell: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> Verified:
    """Verify *bundles* by *run*; each outcome is in the log before the next is waited for.

    With *log_file* a run that was interrupted goes on: what is done there and the same to the byte is not run again.
    LogBusyError, OutputExistsError if that file is no such log, OSError.
    """
    with _log(log_file) as log:
        done = _done(log, asked)
        if log is not None:
            log.append({"event": "verify", "asked": asked.facts(), "bundles": len(bundles)})
        tasks = [_task(found, asked, done.get(found.place)) for found in bundles]
        outcomes: dict[str, Outcome] = {}
        resumed = 0
        tell(0, len(tasks), "")
        with contextlib.closing(run(tasks)) as ended:  # whatever ends this ends what still runs
            for outcome in ended:
                place = outcome["place"]
                if outcome.pop("unchanged", False):
                    outcome, resumed = done[place], resumed + 1
                elif log is not None:
                    log.append({"event": "bundle", **outcome})
                outcomes[place] = outcome
                tell(len(outcomes), len(tasks), f"{outcome['verdict']}: {place}")
        ordered = tuple(outcomes[found.place] for found in bundles)
        verified = Verified(ordered, resumed, log.unreadable_lines if log else 0)
        if log is not None:
            log.append({"event": "end", **verified.counts})
        return verified


def run_here(jobs: int) -> Run:
    """What runs tasks on this machine, *jobs* at once. When it is left early, what still runs is ended."""

    def run(tasks: Sequence[Task]) -> Generator[Outcome, None, None]:
        processes = Processes()
        waiting = iter(tasks)
        with ThreadPoolExecutor(jobs) as pool:
            try:
                running = _begun(pool, waiting, processes, jobs)
                while running:
                    ended, running = wait(running, return_when=FIRST_COMPLETED)
                    running |= _begun(pool, waiting, processes, len(ended))
                    for future in ended:
                        yield future.result()
            finally:
                processes.end()

    return run


def _begun(pool: ThreadPoolExecutor, tasks: Iterator[Task], processes: Processes, number: int) -> set[Future[Outcome]]:
    """The next *number* tasks: no more are handed to the pool than run, so that leaving early leaves none behind."""
    return {pool.submit(run_one, task, processes) for _, task in zip(range(number), tasks, strict=False)}


class Processes:
    """The processes that are running, so that they can be ended when nobody waits for them any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    @contextlib.contextmanager
    def running(self, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        """Yield a new process in a group of its own, which is gone at the end of the block."""
        search = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        with self._lock:
            if self._ended:
                raise InterruptedError("nobody waits for it any more")
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(search)},
            )
            self._running.add(process)
        try:
            yield process
        finally:
            _kill(process)
            with self._lock:
                self._running.discard(process)

    def end(self) -> None:
        """End those that run, and let no other begin."""
        with self._lock:
            self._ended = True
            for process in self._running:
                _kill(process)


def run_one(task: Task, processes: Processes | None = None) -> Outcome:
    """Do one task: fetch the bundle if need be, and verify it in a process of its own. Raises nothing but interrupts.

    A file that is the same to the byte as the one that *task* knows is not verified again: {"unchanged": True}.
    """
    began = time.monotonic()
    about = {"place": task["place"], "size": task["size"], "sha256": None}
    try:
        with local_copy(task["place"]) as (path, sha256):
            about["sha256"] = sha256
            if sha256 == task["done_sha256"]:
                return {**about, "unchanged": True}
            told = _in_a_process({**task, "path": str(path)}, processes or Processes())
    except (FormatError, PlaceError, OSError) as error:
        told = {"verdict": NOT_RUN, "told": str(error)}
    return {**about, **told, "seconds": round(time.monotonic() - began, 3)}


def _in_a_process(task: Task, processes: Processes) -> Outcome:
    """What the program says of it; a program that says nothing crashed, hung, or was ended."""
    with tempfile.TemporaryDirectory(prefix="lifecycle.") as directory:
        answer = Path(directory) / "outcome.json"
        command = [sys.executable, "-m", "lifecycle.verifying_one", str(answer)]
        with processes.running(command) as process:
            assert process.stdin is not None  # for mypy
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(task).encode("ascii") + b"\n")
                process.stdin.flush()
            try:
                code = process.wait(task["limit_s"])
            except subprocess.TimeoutExpired:
                return {"verdict": NOT_RUN, "told": f"it took longer than {task['limit_s']:g} s, and was ended"}
        try:
            return _answer(answer.read_bytes())
        except (OSError, ValueError):
            ended = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
            return {"verdict": NOT_RUN, "told": f"the process that verified it {ended}"}


def _answer(data: bytes) -> Outcome:
    """What a process said, which may have been made to say anything by what it looked at. ValueError."""
    said = json.loads(data)
    if not isinstance(said, dict) or said.get("verdict") not in VERDICTS or not isinstance(said.get("told"), str):
        raise ValueError("no outcome")
    return {name: value for name, value in said.items() if name in _SAID}


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process with all that it began, and take it off the system's list."""
    if process.poll() is None:  # else its number may be another's by now
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    process.wait()


@contextlib.contextmanager
def _log(path: Path | None) -> Iterator[LineLog | None]:
    if path is None:
        yield None
        return
    require_same_kind(path, _BEGINS)  # it may be the only key
    with open_lines(path) as log:
        yield log


def _done(log: LineLog | None, asked: Asked) -> dict[str, Outcome]:
    """What the log says is done, by place, of runs that asked the same."""
    done: dict[str, Outcome] = {}
    same = False
    for record in log.records if log else ():
        if record["event"] == "verify":
            same = record.get("asked") == asked.facts()
        elif same and record["event"] == "bundle" and _is_done(record):
            done[record["place"]] = {name: value for name, value in record.items() if name != "event"}
    return done


def _is_done(record: Mapping[str, Any]) -> bool:
    texts = (record.get("place"), record.get("sha256"), record.get("verdict"))
    return all(isinstance(text, str) for text in texts) and record["verdict"] in _DONE


def _task(found: Found, asked: Asked, done: Outcome | None) -> Task:
    same_size = done is not None and done.get("size") == found.size
    return {
        **asdict(asked),
        "place": found.place,
        "size": found.size,
        "done_sha256": done["sha256"] if done is not None and same_size else None,
    }


def _versions() -> dict[str, str]:
    """What verifies: another version of it has to look for itself."""
    found = {}
    for name in _VERSIONS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found

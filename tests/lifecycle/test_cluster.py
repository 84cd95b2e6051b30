"""A Dask cluster of processes: the same verdicts as here, and what a killed worker had is taken up by the other."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core_model.voice import Voice
from lifecycle.errors import ExtraMissingError
from tests.lifecycle.many_bundles import OURS, ROOT, Stock, children_of, make_stock, start, wait_until
from tests.lifecycle.test_places import server  # noqa: F401 - a fixture

pytestmark = [
    pytest.mark.sockets("loopback"),  # a scheduler and workers on 127.0.0.1
    pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="distributed is not installed"),
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="finds a worker's processes in /proc"),
]

# Its pages would be served on every address of this machine, whatever --host and --no-dashboard say.
_PAGES = ("--dashboard-address", "127.0.0.1:0")


@dataclass(frozen=True)
class Cluster:
    """A scheduler and two workers, each a process of its own."""

    address: str
    scheduler: subprocess.Popen[str]
    workers: tuple[subprocess.Popen[str], ...]
    log: Path  # of the scheduler

    def busy_worker(self) -> subprocess.Popen[str] | None:
        return next((worker for worker in self.workers if children_of(worker)), None)


def dask(program: str, *words: object, log: Path, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"distributed.cli.dask_{program}", "--no-dashboard", *map(str, words)]
    with log.open("ab") as file:
        return subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, stdout=file, stderr=file, text=True
        )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    yield from _cluster(tmp_path)


def _cluster(tmp_path: Path, **environment: str) -> Iterator[Cluster]:
    where, log = tmp_path / "scheduler.json", tmp_path / "dask.log"
    file = ("--scheduler-file", where)
    started = [dask("scheduler", *file, "--host", "127.0.0.1", "--port", 0, *_PAGES, log=log)]
    try:
        own = ("--nthreads", 1, "--no-nanny", "--host", "127.0.0.1", *_PAGES, "--local-directory", tmp_path / "dask")
        started += [dask("worker", *file, *own, log=log, **environment) for _ in range(2)]
        wait_until(lambda: where.exists() and bool(where.read_text()), started[0])
        wait_until(lambda: log.read_text().count("Registered to:") == 2, started[0])
        yield Cluster(json.loads(where.read_text())["address"], started[0], tuple(started[1:]), log)
    finally:
        for process in started:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory, tiny_voice: Voice) -> Stock:
    return make_stock(tmp_path_factory.mktemp("stock"), tiny_voice)


def lines(log: Path) -> list[dict[str, Any]]:
    records = map(json.loads, log.read_text().splitlines()) if log.exists() else ()
    return [record for record in records if record["event"] == "bundle"]


def verdicts(told: dict[str, Any]) -> dict[str, str]:
    return {Path(outcome["place"]).stem: outcome["verdict"] for outcome in told["bundles"]}


def test_what_a_killed_worker_had_is_taken_up_by_the_other(tmp_path: Path, cluster: Cluster, stock: Stock) -> None:
    """Damaged bundles, because what is wrong with them is found without a network, in half the time."""
    shelf = stock.lay_out(tmp_path / "shelf", dict.fromkeys("abcd", "damaged"))
    log = tmp_path / "log.jsonl"
    words = (shelf, "-i", stock.key, "--home", tmp_path / "home", "--resume", log, "--runtime", "onnx", "--json")
    process = start("verify", *words, "--dask", cluster.address)
    wait_until(lambda: bool(lines(log)) and cluster.busy_worker() is not None, process)
    killed = cluster.busy_worker()
    assert killed is not None
    children = children_of(killed)
    killed.kill()
    killed.wait()
    out, err = process.communicate(timeout=240)
    told = json.loads(out)
    assert process.returncode == 1 and verdicts(told) == dict.fromkeys("abcd", "damaged"), err
    assert sorted(Path(line["place"]).stem for line in lines(log)) == list("abcd")
    wait_until(lambda: not any(child.exists() for child in children), cluster.scheduler)  # what it had begun ends too
    assert OURS.secret_text() not in cluster.log.read_text() + log.read_text()


@pytest.mark.slow
def test_a_cluster_says_what_this_machine_says(tmp_path: Path, cluster: Cluster, stock: Stock) -> None:
    kinds = {"a": "whole", "b": "damaged", "c": "locked", "d": "drifted", "e": "whole"}
    shelf = stock.lay_out(tmp_path / "shelf", kinds)
    (shelf / "f.voice").write_bytes(b"no bundle")
    words = ("verify", shelf, "-i", stock.key, "--home", tmp_path / "home", "--json")
    here, there = start(*words, "--jobs", 2), None
    told = {"here": json.loads(here.communicate(timeout=280)[0])}
    there = start(*words, "--dask", cluster.address)
    told["there"] = json.loads(there.communicate(timeout=280)[0])
    expected = {"a": "passed", "b": "damaged", "c": "refused", "d": "drifted", "e": "passed", "f": "refused"}
    assert verdicts(told["here"]) == verdicts(told["there"]) == expected
    for ours, theirs in zip(told["here"]["bundles"], told["there"]["bundles"], strict=True):
        assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}


@pytest.mark.slow
def test_bundles_in_a_bucket_through_a_cluster(
    tmp_path: Path,
    stock: Stock,
    server: dict[str, str],  # noqa: F811
) -> None:
    fill = "import sys, s3fs; s = s3fs.S3FileSystem(); s.mkdir('many'); "
    fill += "[s.put(path, f'many/{n}.voice') for n, path in enumerate(sys.argv[1:])]"
    command = [sys.executable, "-c", fill, str(stock.whole), str(stock.damaged)]
    subprocess.run(command, env={**os.environ, **server}, check=True)
    for cluster in _cluster(tmp_path, **server):
        words = ("verify", "s3://many/*.voice", "-i", stock.key, "--home", tmp_path / "home", "--json")
        for more in ((), ("--dask", cluster.address)):
            process = start(*words, *more, environment=server)
            out, err = process.communicate(timeout=280)
            assert verdicts(json.loads(out)) == {"0": "passed", "1": "damaged"}, err


@pytest.mark.slow
def test_a_scheduler_that_is_lost_is_a_sentence_and_leaves_the_log(
    tmp_path: Path, cluster: Cluster, stock: Stock
) -> None:
    shelf = stock.lay_out(tmp_path / "shelf", dict.fromkeys("abcdef", "damaged"))
    log = tmp_path / "log.jsonl"
    words = ("verify", shelf, "-i", stock.key, "--home", tmp_path / "home", "--resume", log, "--runtime", "onnx")
    process = start(*words, "--dask", cluster.address)
    wait_until(lambda: bool(lines(log)), process)
    cluster.scheduler.kill()
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "") and "the scheduler was lost" in err
    assert "Traceback" not in err and "bug" not in err
    done = len(lines(log))
    process = start(*words, "--jobs", 2, "--json")
    told = json.loads(process.communicate(timeout=120)[0])
    assert told["resumed"] == done and len(lines(log)) == len(told["bundles"]) == 6


def test_no_scheduler_and_no_dask_are_sentences(monkeypatch: pytest.MonkeyPatch, stock: Stock) -> None:
    process = start("verify", stock.whole, "--dask", "nothing://nowhere")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "") and "no Dask scheduler answers there" in err and "bug" not in err
    monkeypatch.setitem(sys.modules, "distributed", None)
    from lifecycle.cluster import run_on_cluster

    with pytest.raises(ExtraMissingError, match="distributed"):
        run_on_cluster("tcp://127.0.0.1:1")

"""Many bundles: each counted once, a crash takes nothing with it, and a run goes on where another was stopped."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core_model.voice import Voice
from lifecycle.cli import main
from lifecycle.cli.many_bundles import are_many
from lifecycle.errors import LogBusyError, OutputExistsError
from lifecycle.line_log import open_lines
from lifecycle.places import Found
from lifecycle.store import Store
from lifecycle.verifying_many import Asked, Outcome, Task, run_one, verify_many
from tests.lifecycle.many_bundles import OURS, ROOT, Stock, children_of, make_stock, start, wait_until

ASKED = Asked(("/keys/key.txt",), None, (), False, ("onnx",), None, "2026-11-28T00:00:00+00:00", 60.0)


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory, tiny_voice: Voice) -> Stock:
    return make_stock(tmp_path_factory.mktemp("stock"), tiny_voice)


# ---- the log, with a run that only says what it was told


class Saying:
    """Runs tasks without doing them: says a verdict of each, or that its file is unchanged."""

    def __init__(self, verdict: str = "passed", digest: str = "a") -> None:
        self.tasks: list[Task] = []
        self.closed = False
        self._verdict, self._digest = verdict, digest

    def __call__(self, tasks: Sequence[Task]) -> Generator[Outcome, None, None]:
        try:
            for task in tasks:
                self.tasks.append(task)
                about: Outcome = {"place": task["place"], "size": task["size"], "sha256": self._digest * 64}
                same = task["done_sha256"] == about["sha256"]
                yield about | ({"unchanged": True} if same else {"verdict": self._verdict, "told": ""})
        finally:
            self.closed = True


BUNDLES = (Found("/a.voice", 1), Found("/b.voice", 2))


def lines(log: Path, event: str = "bundle") -> list[dict[str, Any]]:
    return [line for line in map(json.loads, log.read_text().splitlines()) if line["event"] == event]


@pytest.mark.parametrize("verdict", ["passed", "drifted", "damaged"])
def test_what_is_done_and_unchanged_is_known_from_the_log(tmp_path: Path, verdict: str) -> None:
    log = tmp_path / "log.jsonl"
    first = verify_many(BUNDLES, ASKED, Saying(verdict), log_file=log)
    assert (first.resumed, first.counts[verdict], first.passed) == (0, 2, verdict == "passed")
    again = verify_many(BUNDLES, dataclasses.replace(ASKED, now="2027", limit_s=9.0), Saying("refused"), log_file=log)
    assert again.outcomes == first.outcomes and again.resumed == 2
    assert len(lines(log)) == 2 and len(lines(log, "end")) == 2


def test_another_size_other_bytes_or_another_question_is_verified_again(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    verify_many(BUNDLES, ASKED, Saying(), log_file=log)
    larger = (Found("/a.voice", 9), BUNDLES[1])
    saying = Saying()
    assert verify_many(larger, ASKED, saying, log_file=log).resumed == 1
    assert [task["done_sha256"] for task in saying.tasks] == [None, "a" * 64]
    assert verify_many(larger, ASKED, Saying(digest="b"), log_file=log).resumed == 0
    for other in ({"runtimes": ("torch",)}, {"identities": ()}, {"accept_unsigned": True}, {"trusted": ("x",)}):
        saying = Saying(digest="b")
        assert verify_many(larger, dataclasses.replace(ASKED, **other), saying, log_file=log).resumed == 0  # type: ignore[arg-type]
        assert {task["done_sha256"] for task in saying.tasks} == {None}


@pytest.mark.parametrize("verdict", ["refused", "not run"])
def test_what_was_not_done_is_tried_again(tmp_path: Path, verdict: str) -> None:
    log = tmp_path / "log.jsonl"
    assert not verify_many(BUNDLES, ASKED, Saying(verdict), log_file=log).passed
    again = verify_many(BUNDLES, ASKED, Saying(), log_file=log)
    assert again.resumed == 0 and again.passed


def test_an_interrupted_run_leaves_a_log_and_nothing_that_runs(tmp_path: Path) -> None:
    log, saying = tmp_path / "log.jsonl", Saying()

    def interrupt(done: int, total: int, note: str) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify_many(BUNDLES, ASKED, saying, log_file=log, tell=interrupt)
    assert saying.closed and [line["place"] for line in lines(log)] == ["/a.voice"]
    log.write_text(log.read_text() + '{"event": "bundle", "pl')  # and the power went in the middle of a line
    again = verify_many(BUNDLES, ASKED, Saying(), log_file=log)
    assert (again.resumed, again.unreadable_lines, again.passed) == (1, 1, True)


def test_a_log_that_is_none_or_is_held_by_another_is_left_alone(tmp_path: Path) -> None:
    key = tmp_path / "key.txt"
    key.write_text(OURS.secret_text())
    with pytest.raises(OutputExistsError):
        verify_many(BUNDLES, ASKED, Saying(), log_file=key)
    assert key.read_text() == OURS.secret_text()
    log = tmp_path / "log.jsonl"
    with open_lines(log), pytest.raises(LogBusyError):
        verify_many(BUNDLES, ASKED, Saying(), log_file=log)


def test_a_line_of_somebody_elses_making_is_no_outcome(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    verify_many((), ASKED, Saying(), log_file=log)
    strange: list[dict[str, Any]] = [{"place": 1}, {"place": "/a.voice"}, {"place": "/a.voice", "verdict": "passed"}]
    strange += [{"place": "/a.voice", "sha256": ["a" * 64], "verdict": "passed"}]
    with log.open("a") as file:
        file.writelines(json.dumps({"event": "bundle", "size": 1, **line}) + "\n" for line in strange)
    assert verify_many(BUNDLES, ASKED, Saying(), log_file=log).resumed == 0


# ---- one bundle in a process of its own


def task_of(place: Path, **more: Any) -> Task:
    return {**dataclasses.asdict(ASKED), "place": str(place), "size": 1, "done_sha256": None, **more}


def test_a_file_that_is_done_is_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    (tmp_path / "a.voice").write_bytes(b"abc")
    sha256 = hashlib.sha256(b"abc").hexdigest()
    assert run_one(task_of(tmp_path / "a.voice", done_sha256=sha256))["unchanged"] is True
    assert run_one(task_of(tmp_path / "a.voice"))["verdict"] == "not run"
    gone = run_one(task_of(tmp_path / "b.voice"))
    assert gone["verdict"] == "not run" and "No such file" in gone["told"] and gone["sha256"] is None


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("kill -SEGV $$", "was ended by SIGSEGV"),
        ("exit 3", "ended with 3"),
        ('echo \'{"verdict": "passed"}\'', "ended with 0"),  # its standard output is nobody's answer
        ("sleep 60 & sleep 60", "longer than 0.5 s"),
    ],
)
def test_a_process_that_crashes_lies_or_hangs_is_an_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, told: str
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    (tmp_path / "a.voice").write_bytes(b"abc")
    outcome = run_one(task_of(tmp_path / "a.voice", limit_s=0.5))
    assert outcome["verdict"] == "not run" and told in outcome["told"]


@pytest.mark.parametrize("said", ["[]", "{}", '{"verdict": "fine", "told": ""}', '{"verdict": "passed"}', "{"])
def test_an_answer_that_is_none_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    outcome = _with_a_process_that_says(tmp_path, monkeypatch, said)
    assert outcome["verdict"] == "not run" and "ended with 0" in outcome["told"]


def test_a_process_answers_for_its_own_bundle_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = '{"verdict": "passed", "told": "", "place": "/another.voice", "sha256": "0", "unchanged": true}'
    outcome = _with_a_process_that_says(tmp_path, monkeypatch, said)
    assert outcome["place"] == str(tmp_path / "a.voice") and outcome["sha256"] != "0" and "unchanged" not in outcome


def _with_a_process_that_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> Outcome:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\ncat > \"$3\" <<'END'\n{said}\nEND\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    (tmp_path / "a.voice").write_bytes(b"abc")
    return run_one(task_of(tmp_path / "a.voice"))


def test_the_process_ends_when_whoever_asked_is_gone(tmp_path: Path, stock: Stock) -> None:
    fifo = tmp_path / "slow.voice"
    os.mkfifo(fifo)  # reading it waits for ever
    command = [sys.executable, "-m", "lifecycle.verifying_one", str(tmp_path / "outcome.json")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert process.stdin is not None
    task = task_of(fifo, identities=[str(fifo)], home=str(tmp_path), path=str(fifo))
    process.stdin.write(json.dumps(task).encode() + b"\n")
    process.stdin.flush()
    process.stdin.close()
    assert process.wait(60) == 1
    assert not (tmp_path / "outcome.json").exists()


# ---- the command line, for real


def verify(*words: object) -> tuple[int, dict[str, Any], str]:
    process = start("verify", *words, "--runtime", "onnx", "--json")
    out, err = process.communicate(timeout=280)
    return process.returncode, json.loads(out) if out else {}, err


def verdicts(told: dict[str, Any]) -> dict[str, str]:
    return {Path(outcome["place"]).stem: outcome["verdict"] for outcome in told["bundles"]}


def test_each_of_many_has_its_verdict(tmp_path: Path, stock: Stock) -> None:
    shelf = stock.lay_out(tmp_path / "shelf", {"a": "whole", "b": "damaged", "c": "locked"})
    (shelf / "d.voice").write_bytes(b"no bundle")
    log = tmp_path / "log.jsonl"
    code, told, err = verify(shelf, "-i", stock.key, "--home", tmp_path / "home", "--jobs", 2, "--resume", log)
    assert verdicts(told) == {"a": "passed", "b": "damaged", "c": "refused", "d": "refused"}, err
    assert code == 1 and told["passed"] is False
    assert told["counts"] == {"passed": 1, "drifted": 0, "damaged": 1, "refused": 2, "not run": 0}
    by_name = {Path(outcome["place"]).stem: outcome for outcome in told["bundles"]}
    assert "NoMatchingKeyError" in by_name["c"]["told"] and "FormatError" in by_name["d"]["told"]
    assert by_name["a"]["runtimes"]["onnx"]["passed"] is True and by_name["b"]["layer"] == "fixity"
    assert by_name["a"]["sha256"] == hashlib.sha256(stock.whole.read_bytes()).hexdigest()
    assert len(lines(log)) == 4 and OURS.secret_text() not in log.read_text()
    assert [path for path in (tmp_path / "home" / "voices").iterdir() if path.is_dir()] == []

    words = (shelf / "[aX].voice", "-i", stock.key, "--home", tmp_path / "home", "--resume", log)
    code, told, _ = verify(*words)
    assert (code, told["resumed"], verdicts(told)) == (0, 1, {"a": "passed"})


@pytest.mark.slow
def test_drift_is_told_from_damage(tmp_path: Path, stock: Stock) -> None:
    shelf = stock.lay_out(tmp_path / "shelf", {"a": "whole", "b": "drifted"})
    process = start("verify", shelf, "-i", stock.key, "--home", tmp_path / "home", "--jobs", 2, "--json")
    told = json.loads(process.communicate(timeout=280)[0])
    assert process.returncode == 1 and verdicts(told) == {"a": "passed", "b": "drifted"}
    (drifted,) = [outcome for outcome in told["bundles"] if outcome["verdict"] == "drifted"]
    assert drifted["cause"] and drifted["layer"] == "waveform" and drifted["runtimes"]["onnx"]["passed"] is True


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="finds the processes of a run in /proc")
@pytest.mark.parametrize(
    "how", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)], ids=["killed", "interrupted"]
)
def test_a_run_that_was_stopped_goes_on_and_counts_nothing_twice(
    tmp_path: Path, stock: Stock, how: signal.Signals
) -> None:
    """Damaged bundles, because what is wrong with them is found without a network, in half the time."""
    shelf = stock.lay_out(tmp_path / "shelf", dict.fromkeys("abcd", "damaged"))
    log = tmp_path / "log.jsonl"
    words = (shelf, "-i", stock.key, "--home", tmp_path / "home", "--resume", log)
    process = start("verify", *words, "--runtime", "onnx")
    wait_until(lambda: log.exists() and log.read_text().count('"bundle"') >= 1, process)
    children = children_of(process)
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert process.returncode == (1 if how == signal.SIGINT else -signal.SIGKILL)
    assert ("goes on from there" in err) == (how == signal.SIGINT) and not out
    until = time.monotonic() + 30
    while any(child.exists() for child in children) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(child.exists() for child in children)
    done = len(lines(log))
    assert 1 <= done < 3 and not lines(log, "end")

    code, told, _ = verify(*words)
    assert code == 1 and verdicts(told) == dict.fromkeys("abcd", "damaged") and told["resumed"] == done
    assert sorted(Path(line["place"]).stem for line in lines(log)) == ["a", "b", "c", "d"]


def test_nothing_there_and_what_makes_no_sense(tmp_path: Path, stock: Stock) -> None:
    (tmp_path / "empty").mkdir()
    for words, code, told in (
        ((tmp_path / "empty",), 1, "no .voice file"),
        ((tmp_path / "gone", tmp_path / "gone too"), 1, "nothing there"),
        ((stock.whole, stock.damaged, "--report", tmp_path), 2, "one voice"),
        ((stock.whole, "--jobs", "0"), 2, "--jobs"),
        ((stock.whole, "--jobs", "2", "--dask", "tcp://x"), 2, "for this machine"),
        ((), 2, "NAME"),
    ):
        result = CliRunner().invoke(main, ["verify", *map(str, words)])
        assert (result.exit_code, told in result.stderr, result.stdout) == (code, True, ""), result.stderr


def test_one_bundle_or_one_voice_is_not_many(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    (tmp_path / "home" / "voices" / "ada").mkdir(parents=True)
    (tmp_path / "a[1].voice").touch()
    assert not are_many([str(tmp_path / "a[1].voice")], store)
    assert not are_many(["ada"], store) and not are_many(["nobody"], store)
    assert are_many([str(tmp_path)], store) and are_many(["*.voice"], store) and are_many(["a", "b"], store)
    assert are_many(["s3://bucket/a.voice"], store)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_bundles(tmp_path: Path, stock: Stock) -> None:
    kinds = {f"{number:03}": "whole" for number in range(197)} | {"x": "damaged", "y": "locked", "z": "damaged"}
    shelf = stock.lay_out(tmp_path / "shelf", kinds)
    words = (
        shelf,
        "-i",
        stock.key,
        "--home",
        tmp_path / "home",
        "--jobs",
        os.cpu_count(),
        "--resume",
        tmp_path / "log",
    )
    process = start("verify", *words, "--runtime", "onnx", "--json")
    told = json.loads(process.communicate(timeout=3500)[0])
    assert told["counts"] == {"passed": 197, "drifted": 0, "damaged": 2, "refused": 1, "not run": 0}
    code, told, _ = verify(*words)
    assert (code, told["resumed"], len(told["bundles"])) == (1, 199, 200)

"""No verb opens a socket: each is run once, on tiny voices, while nothing at all is allowed, not even this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="prompt and convert hear through HuBERT, which needs transformers, an extra")

from lifecycle.cli import VERBS
from tests import silent
from tests.lifecycle.calling import call
from tests.lifecycle.upstream_files import small_shapes  # noqa: F401
from tests.lifecycle.verbs_once import TABLE, Place

started: list[str] | None = None  # names of programs, while somebody asks for them


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "subprocess.Popen" and started is not None:
        words = arguments[1]
        assert isinstance(words, list)
        started.append(Path(str(words[0])).name)


def test_every_verb_stands_in_the_table() -> None:
    assert set(TABLE) == set(VERBS), "tests/lifecycle/verbs_once.py calls every verb once"


@pytest.mark.usefixtures("small_shapes", "small_toolkit")
@pytest.mark.timeout(600)
def test_no_verb_opens_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    global started  # noqa: PLW0603  an audit hook cannot be taken away, only told to be still
    place = Place(tmp_path)
    place.prepare(monkeypatch)
    sys.addaudithook(_watch)
    try:
        for verb, calls in TABLE.items():
            started = []
            with silent.allowing(), silent.expected() as refused:
                for words, code in calls(place):
                    result = call(*words)
                    assert result.exit_code == code, f"{verb}: {result.output}{result.stderr}"
            print(verb, round(sum(__import__("os").times()[:4]), 2))
            assert refused == [], f"lifecycle {verb} opens a socket"
            programs = {name for name in started if not name.startswith("python")}
            assert programs <= {"par2"}, f"lifecycle {verb} starts a program that the trap cannot see into"
    finally:
        started = None

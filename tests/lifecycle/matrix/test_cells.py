"""Cells: whatever a runtime or a runner does becomes one word and its own words, and the next cell goes on."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from compat_tests.findings import Finding, measured, not_run
from compat_tests.suite import Assessment
from core_model.synthesis import TorchRuntime
from core_model.voice import Voice
from lifecycle.matrix import cells
from lifecycle.matrix.cells import Cell, Judging, cell_of
from lifecycle.matrix.environments import environment_for as planted
from lifecycle.matrix.rows import Row
from lifecycle.verifying import verify
from tests.lifecycle.test_verifying import change_weights, moved
from tests.silent import trap

HERE = f"3.{sys.version_info.minor}"
ROW = Row("torch", "torch", "2.13.0", HERE, "native", 1, ("torch==2.13.0",))
PASSED = tuple(measured(name, "Fine.", 1e-6, 1e-3, "") for name in ("text", "tokens", "waveform"))
DESCRIBED = '{"protocol": 1, "runner": "x", "runtime": "torch 9", "verbs": ["describe", "phonemize", "tokens"]}'
Plant = Callable[[Row, str], None]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Call it with a row and a shell script: the script is that environment's Python from then on."""

    def write(row: Row, script: str) -> None:
        directory = tmp_path / "cache" / "matrix" / hashlib.sha256(row.lock_text.encode()).hexdigest()
        (directory / "bin").mkdir(parents=True)
        (directory / "bin" / "python").write_text(f"#!/bin/sh\n{script}\n")
        (directory / "bin" / "python").chmod(0o755)
        record = {"python": f"{row.python}.0", "packages": {}, "stand_ins": ["libcublas.so.12"]}
        (directory / "environment.json").write_text(json.dumps(record))

    return write


def judged(voice: Voice, tmp_path: Path, *rows: Row, limit_s: float = 60) -> tuple[Cell, ...]:
    (tmp_path / "work").mkdir(exist_ok=True)
    return Judging(voice.directory, tmp_path / "cache", tmp_path / "work", {}, limit_s).cells(rows)


def test_a_runner_that_hangs_is_ended_and_the_next_cell_goes_on(
    tiny_voice: Voice, tmp_path: Path, plant: Plant
) -> None:
    liar = replace(ROW, version="2.12.0", lock=("torch==2.12.0",))
    plant(ROW, "sleep 600")
    plant(liar, 'echo "all is well"')
    hung, lied = judged(tiny_voice, tmp_path, ROW, liar, limit_s=1)
    assert hung.verdict == lied.verdict == "refused"
    assert "did not end within 1 s and was ended" in hung.told
    assert "printed something that is not one JSON object" in lied.told
    assert hung.stand_ins == 1 and hung.python == f"{HERE}.0" and 1 <= hung.seconds < 60
    assert list((tmp_path / "work").iterdir()) == [tmp_path / "work" / "toolkit"]  # no arrays are left


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("kill -SEGV $$", "SIGSEGV"),
        ("echo 'no such operator' >&2; exit 3", "ended with 3: no such operator"),
        (
            """echo '{"protocol": 1, "error": "Unsupported model IR version: 10", "missing": true}'; exit 1""",
            "IR version: 10",
        ),
        ("""echo '{"protocol": 7}'""", "keeps protocol 7, not 1"),
    ],
)
def test_what_a_runner_does_instead_of_answering_is_told_in_its_words(
    tiny_voice: Voice, tmp_path: Path, plant: Plant, script: str, told: str
) -> None:
    plant(ROW, script)
    (cell,) = judged(tiny_voice, tmp_path, ROW)
    assert cell.verdict in ("refused", "not run") and told in cell.told
    assert cell.verdict == "refused" or cell.told.startswith("text: ")


def test_the_runner_sees_its_row_and_nothing_of_ours(tiny_voice: Voice, tmp_path: Path, plant: Plant) -> None:
    row = replace(ROW, isa="avx2", threads=3)
    if cells._impossible(row):
        pytest.skip("this processor has no AVX2")
    kept = (
        f'env > {tmp_path}/seen; echo "$@" > {tmp_path}/asked; cat >> {tmp_path}/requests; echo >> {tmp_path}/requests'
    )
    plant(row, f"{kept}\nif [ $4 = describe ]; then echo '{DESCRIBED}'; else exit 3; fi")
    judged(tiny_voice, tmp_path, row)
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines())
    assert seen["ATEN_CPU_CAPABILITY"] == "avx2" and seen["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    assert seen["OMP_NUM_THREADS"] == "3" and seen["ORT_DISABLE_TELEMETRY"] == "1"
    toolkit = Path(seen["PYTHONPATH"].removeprefix(f"{trap.HERE}{os.pathsep}"))
    assert [path.name for path in toolkit.iterdir()] == ["core_model"]  # nor what is installed beside it
    assert (tmp_path / "asked").read_text().startswith("-m core_model.runner torch ")
    requests = [json.loads(line) for line in (tmp_path / "requests").read_text().splitlines()]
    assert {request["threads"] for request in requests if "items" in request} == {3}


def test_a_disk_that_takes_nothing_stops_a_cell_and_not_the_matrix(
    tiny_voice: Voice, tmp_path: Path, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    plant(ROW, f"echo '{DESCRIBED}'")
    monkeypatch.setattr(cells, "assess", full)
    other = replace(ROW, lock=("torch==2.13.0", "numpy==2.4.6"))
    monkeypatch.setattr(cells, "environment_for", lambda row, *_: full() if row == other else planted(row, *_))
    assert [cell.told for cell in judged(tiny_voice, tmp_path, ROW, other)] == [
        "Its arrays cannot be kept: No space left on device: somewhere.",
        "Its environment cannot be built: No space left on device: somewhere.",
    ]


def test_an_instruction_set_that_cannot_be_had_is_not_run(
    tiny_voice: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = replace(ROW, runner="onnx", package="onnxruntime", isa="avx2")
    assert judged(tiny_voice, tmp_path, onnx)[0].told.startswith("ONNX Runtime takes the processor's")
    monkeypatch.setattr(cells, "describe", lambda: {"instruction_sets": "asimd"})
    assert judged(tiny_voice, tmp_path, replace(ROW, isa="avx2"))[0].told == "This processor has no avx2."


def test_avx2_that_was_asked_for_and_not_taken_proves_nothing() -> None:
    avx512 = Assessment("torch 2.13.0+cpu AVX512", "that day", PASSED)
    assert cell_of(ROW, avx512).verdict == "passed"
    cell = cell_of(replace(ROW, isa="avx2"), avx512)
    assert cell.verdict == "not run" and "AVX-512 though AVX2 was asked for" in cell.told
    avx2 = replace(avx512, runtime="torch 2.13.0+cpu AVX2")
    assert cell_of(replace(ROW, isa="avx2"), avx2).verdict == "passed"


def with_tokens(finding: Finding) -> Assessment:
    return Assessment("torch 9", "that day", (PASSED[0], finding, PASSED[2]))


def test_one_assessment_in_one_word() -> None:
    drifted = measured("tokens", "Logits differ.", 0.5, 1e-3, "logits")
    assert cell_of(ROW, with_tokens(drifted)).verdict == "drifted"
    assert cell_of(ROW, with_tokens(replace(drifted, broken="crashed"))).verdict == "refused"
    assert cell_of(ROW, with_tokens(not_run("tokens", "It is missing."))).verdict == "refused"
    silent = Assessment("torch 9", "that day", (not_run("text", "No dictionary."), *PASSED[1:]))
    assert cell_of(ROW, silent).verdict == "not run"


def test_moved_weights_drift_with_layer_and_figure(tiny_voice: Voice, tmp_path: Path) -> None:
    """The figures of an assessment in this process; test_verification.py has the same through a runner."""
    import shutil

    shutil.copytree(tiny_voice.directory, tmp_path / "ada")
    change_weights(tmp_path / "ada", "gpt", moved(1e-3))
    cell = cell_of(ROW, verify(Voice.open(tmp_path / "ada"), TorchRuntime))
    assert cell.verdict == "drifted" and cell.drifted is not None
    assert cell.drifted.name == "tokens" and cell.told.startswith("tokens: Logits differ by")
    assert cell.figure("tokens") == cell.drifted.figure and cell.figure("tokens") > 1e-3  # type: ignore[operator]
    assert cell.figure("waveform") is not None and cell.figure("fixity") is None

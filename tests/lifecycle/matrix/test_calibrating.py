"""Tolerances from a matrix: between rounding and the least fault, or not at all."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from compat_tests.findings import measured
from compat_tests.goldens import Tolerances, read_golden
from core_model.errors import GoldenError
from core_model.golden import with_tolerances
from core_model.synthesis import TorchRuntime
from core_model.voice import Voice
from lifecycle.errors import CalibrationError
from lifecycle.matrix.calibrating import (
    calibrated,
    require_calibratable,
    rounded_up,
    row_to_move,
    write_moved,
    write_tolerances,
)
from lifecycle.matrix.cells import Cell, cell_of
from lifecycle.matrix.rows import Row
from lifecycle.verifying import verify

ROW = Row("torch", "torch", "2.13.0", "3.11", "native", 1, ())
NOW = Tolerances(1e-3, 5e-5, 40.0, "defaults")


def cell(logits: float, waveform: float, row: Row = ROW, verdict: str = "passed") -> Cell:
    layers = (measured("tokens", "", logits, 1, ""), measured("waveform", "", waveform, 1, ""))
    return Cell(row, verdict, "told", layers=layers)  # type: ignore[arg-type]


OLD = cell(3e-5, 2e-7, replace(ROW, version="1.13.1", runner="torchscript"))
ONNX = cell(1.26e-5, 8e-7, replace(ROW, version="1.9.0", runner="onnx", package="onnxruntime"))
CELLS = (cell(0.0, 0.0), OLD, ONNX, cell(9.0, 9.0, verdict="refused"))


def test_they_stand_between_rounding_and_the_least_fault() -> None:
    found = calibrated(CELLS, cell(0.2, 3e-3, verdict="drifted"), NOW, "2045-11-21", "Linux riscv64")
    assert (found.logits, found.waveform, found.waveform_db) == (3e-4, 8e-6, 40.0)
    assert found.found == (
        "10 times the largest difference on 3 rows of a matrix on 2045-11-21 (torch 1.13.1 to 2.13.0, onnxruntime "
        "1.9.0; Linux riscv64): logits 3.0e-05, samples 8.0e-07 of the peak; weights moved by 0.001 make 2.0e-01 and "
        "3.0e-03"
    )


def test_where_all_rows_agree_to_the_bit_some_rounding_is_still_allowed() -> None:
    found = calibrated([cell(0.0, 0.0)], cell(0.2, 3e-3), NOW, "2045-11-21", "Linux")
    assert (found.logits, found.waveform) == (1e-5, 1e-6)


def test_tolerances_that_would_let_a_fault_pass_are_refused() -> None:
    wide = (cell(0.0, 0.0), cell(0.05, 1e-3))
    with pytest.raises(CalibrationError, match="would not be noticed"):
        calibrated(wide, cell(0.9, 0.019), NOW, "2045-11-21", "Linux")
    assert calibrated(wide, cell(0.9, 0.021), NOW, "2045-11-21", "Linux").logits == 0.5  # one of the two will do


def test_moved_weights_that_could_not_be_judged_prove_nothing() -> None:
    with pytest.raises(CalibrationError, match="could not be judged"):
        calibrated(CELLS, Cell(ROW, "refused", "It crashed."), NOW, "2045-11-21", "Linux")


def test_a_drift_is_not_calibrated_away() -> None:
    assert row_to_move(CELLS) == ROW
    with pytest.raises(
        CalibrationError, match=r"not calibrated away: 1 rows drifted, first torchscript, torch 1\.13\.1"
    ):
        row_to_move((*CELLS, replace(OLD, verdict="drifted")))


def test_one_version_or_no_network_of_ours_is_not_enough() -> None:
    with pytest.raises(CalibrationError, match="at least two versions"):
        row_to_move((CELLS[0], cell(0, 0, replace(ROW, threads=2))))
    with pytest.raises(CalibrationError, match="no row with the runner torch passed"):
        row_to_move((OLD, ONNX))


def test_a_voice_out_of_a_bundle_keeps_what_was_archived(tmp_path: Path) -> None:
    require_calibratable(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(CalibrationError, match="came out of a bundle"):
        require_calibratable(tmp_path)


def test_only_the_tolerances_of_the_record_change(tiny_voice: Voice, tmp_path: Path) -> None:
    directory = tmp_path / "ada"
    shutil.copytree(tiny_voice.directory, directory)
    before = json.loads((directory / "golden" / "golden.json").read_text())
    arrays = (directory / "golden" / "golden.safetensors").read_bytes()
    mine = Tolerances(2e-4, 3e-6, 41.0, "by a matrix")
    write_tolerances(directory, mine)
    after = json.loads((directory / "golden" / "golden.json").read_text())
    assert after.pop("tolerances") != before.pop("tolerances") and after == before
    assert (directory / "golden" / "golden.safetensors").read_bytes() == arrays
    assert read_golden(directory).tolerances == mine
    assert Voice.open(directory).directory == directory
    with pytest.raises(GoldenError):
        with_tolerances(b"[]", mine)  # type: ignore[arg-type]


def test_the_moved_voice_is_the_same_each_time_and_drifts(tiny_voice: Voice, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_moved(tiny_voice.directory, tmp_path / name)
    for part in ("gpt", "sovits"):
        held = load_file(tiny_voice.directory / "weights" / f"{part}.safetensors")
        one, two = (load_file(tmp_path / name / "weights" / f"{part}.safetensors") for name in ("one", "two"))
        assert all(np.array_equal(one[name], two[name]) for name in held)
        share = np.concatenate([one[n][held[n] != 0] / held[n][held[n] != 0] - 1 for n in held])
        assert 0.8e-3 < share.std() < 1.2e-3
    moved = cell_of(ROW, verify(Voice.open(tmp_path / "one"), TorchRuntime))
    assert moved.verdict == "drifted"
    same = cell_of(ROW, verify(tiny_voice, TorchRuntime))
    assert calibrated([same], moved, NOW, "2045-11-21", "Linux").logits < 1e-3


@given(st.floats(1e-9, 1e3))
def test_rounding_up_never_narrows_and_hardly_widens(value: float) -> None:
    wide = rounded_up(value)
    assert value <= wide * (1 + 1e-6) and wide <= value * 1.11
    assert len(f"{wide:.5e}".split("e")[0].rstrip("0").replace(".", "")) <= 2 and math.isfinite(wide)

"""Tolerances of a voice, taken from a matrix: wider than what rounding did on any row, narrower than the least fault.

Knows cells and golden.json; runs nothing but the one extra cell, of a copy whose weights were moved. A tolerance must
stand between two figures that were measured: the largest difference that other versions, instruction sets and thread
counts made, and what weights moved by a thousandth make. docs/decisions/0015-calibrated-tolerances.md.

    rounding  x 10  =  tolerance   <   weights moved by 1e-3, at least twice as far, in logits or samples
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from archive.manifest import PATH as MANIFEST
from compat_tests.goldens import Tolerances
from core_model import golden
from lifecycle.errors import CalibrationError
from lifecycle.matrix.cells import Cell
from lifecycle.matrix.rows import Row
from lifecycle.store import new_file

FACTOR = 10  # the next version, or a processor that nobody has yet, may round worse than all that were tried
MOVED = 1e-3  # the fault that must not pass: each weight, as a share of itself, times a normal number
_AT_LEAST = 2  # times the tolerance is what that fault must make
_LEAST_LOGITS, _LEAST_WAVEFORM = 1e-5, 1e-6  # where all rows agreed to the bit: some steps of float32
_LEAST_RUNTIMES = 2


def require_calibratable(voice_directory: Path) -> None:
    """Refuse a voice whose tolerances are not ours to change. CalibrationError."""
    if (voice_directory / MANIFEST).exists():
        raise CalibrationError("the voice came out of a bundle, and its tolerances are part of what was archived")


def row_to_move(cells: Sequence[Cell]) -> Row:
    """The row on which the moved weights are tried: one that computes with the weights themselves. CalibrationError."""
    drifted = [cell for cell in cells if cell.verdict == "drifted"]
    if drifted:
        raise CalibrationError(f"a drift is not calibrated away: {len(drifted)} rows drifted, first {drifted[0].row}")
    passed = [cell for cell in cells if cell.verdict == "passed"]
    if len({(cell.row.package, cell.row.version) for cell in passed}) < _LEAST_RUNTIMES:
        raise CalibrationError("tolerances are taken from at least two versions, and fewer passed")
    row = next((cell.row for cell in passed if cell.row.runner == "torch"), None)
    if row is None:
        raise CalibrationError("no row with the runner torch passed, and only it computes with the weights themselves")
    return row


def write_moved(voice_directory: Path, destination: Path) -> None:
    """Copy the voice, every weight moved by about a thousandth of itself, the same way each time. OSError."""
    shutil.copytree(voice_directory, destination, ignore=shutil.ignore_patterns("exports", MANIFEST))
    for number, path in enumerate(sorted((destination / "weights").glob("*.safetensors"))):
        rng = np.random.Generator(np.random.Philox(key=number))
        tensors = load_file(path)
        for name in sorted(tensors):
            if np.issubdtype(tensors[name].dtype, np.floating):
                share = MOVED * rng.standard_normal(tensors[name].shape, dtype=np.float32)
                tensors[name] = tensors[name].astype(np.float32) * (1 + share)
        save_file(tensors, path)


def calibrated(cells: Sequence[Cell], moved: Cell, now: Tolerances, when: str, machine: str) -> Tolerances:
    """The tolerances that *cells* call for; *moved* is the cell of the moved weights. CalibrationError if none will do.

    The signal-to-noise ratio is left as it is: it follows from the samples.
    """
    passed = [cell for cell in cells if cell.verdict == "passed"]
    logits, waveform = (max(cell.figure(layer) or 0.0 for cell in passed) for layer in ("tokens", "waveform"))
    fault_logits, fault_waveform = moved.figure("tokens"), moved.figure("waveform")
    if fault_logits is None or fault_waveform is None:
        raise CalibrationError(f"the voice with moved weights could not be judged: {moved.told}")
    wide_logits = rounded_up(max(FACTOR * logits, _LEAST_LOGITS))
    wide_waveform = rounded_up(max(FACTOR * waveform, _LEAST_WAVEFORM))
    if fault_logits < _AT_LEAST * wide_logits and fault_waveform < _AT_LEAST * wide_waveform:
        told = f"logits {fault_logits:.1e} and samples {fault_waveform:.1e}, {FACTOR} times rounding is"
        raise CalibrationError(
            f"weights moved by {MOVED:g} would not be noticed: they make {told} {wide_logits:g} and {wide_waveform:g}"
        )
    found = (
        f"{FACTOR} times the largest difference on {len(passed)} rows of a matrix on {when} ({_versions(passed)}; "
        f"{machine}): logits {logits:.1e}, samples {waveform:.1e} of the peak; weights moved by {MOVED:g} make "
        f"{fault_logits:.1e} and {fault_waveform:.1e}"
    )
    return Tolerances(wide_logits, wide_waveform, now.waveform_db, found)


def write_tolerances(voice_directory: Path, tolerances: Tolerances) -> None:
    """Put them into the voice's golden.json, whole or not at all; its arrays stay as they are. GoldenError, OSError."""
    path = voice_directory / "golden" / golden.RECORD
    mine = golden.Tolerances(tolerances.logits, tolerances.waveform, tolerances.waveform_db, tolerances.found)
    data = golden.with_tolerances(path.read_bytes(), mine)
    with new_file(path) as file:
        file.write(data)


def rounded_up(value: float) -> float:
    """*value* with two digits, never less than it was."""
    exponent = math.floor(math.log10(value)) - 1
    digits = math.ceil(round(value / 10**exponent, 6))
    return float(f"{digits}e{exponent}")


def _versions(cells: Sequence[Cell]) -> str:
    """'torch 1.13.1 to 2.15.0, onnxruntime 1.15.1 to 1.32.0'."""
    number: Callable[[str], list[int]] = lambda version: [int(part) for part in version.split(".")]  # noqa: E731
    told = []
    for package in dict.fromkeys(cell.row.package for cell in cells):
        versions = sorted({cell.row.version for cell in cells if cell.row.package == package}, key=number)
        told.append(f"{package} {versions[0]}" + (f" to {versions[-1]}" if len(versions) > 1 else ""))
    return ", ".join(told)

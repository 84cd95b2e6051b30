"""Cells of a matrix: one voice on one row, in processes of its own, within a time limit; what came of it, in a word.

Knows runners (compat_tests/RUNNER.md), environments and findings; of the voice only its directory. One cell's trouble
never ends the others.

    passed    nothing drifted, and text, tokens and waveform all ran
    drifted   a layer's figure is out of its tolerance: the first such layer
    refused   the runtime would not compute, or its runner broke its protocol: their exact words
    not run   there is no such Python here, its environment cannot be built, its instruction set cannot be had
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import core_model
from compat_tests.findings import MUST_PASS, Finding
from compat_tests.runner import Runner
from compat_tests.runner_source import RunnerSource
from compat_tests.suite import Assessment, assess
from core_model.machine import describe
from core_model.silence import SWITCHES
from lifecycle.errors import EnvironmentNotBuiltError, InterpreterMissingError
from lifecycle.matrix.environments import Environment, environment_for
from lifecycle.matrix.rows import Row

Verdict = Literal["passed", "drifted", "refused", "not run"]
VERDICTS: tuple[Verdict, ...] = ("passed", "drifted", "refused", "not run")
_AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",  # torch's own loops
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # its convolutions
    "DNNL_MAX_CPU_ISA": "AVX2",  # the same, before torch 1.13
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",  # its matrix products
}


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of one row."""

    row: Row
    verdict: Verdict
    told: str  # one sentence; of a refusal the exact words
    runtime: str = ""  # what the runner says it computes with; "" if none spoke
    python: str = ""  # "3.11.7"
    stand_ins: int = 0  # empty libraries in place of CUDA's
    layers: tuple[Finding, ...] = ()
    seconds: float = 0.0  # by the clock
    cpu_seconds: float = 0.0  # of its processes: on a busy machine, what it would take on a quiet one

    @property
    def drifted(self) -> Finding | None:
        """The first layer that is out of tolerance, if that is what came of it."""
        return (
            next((one for one in self.layers if one.verdict == "failed"), None) if self.verdict == "drifted" else None
        )

    def figure(self, layer: str) -> float | None:
        """What was measured in *layer*; None where nothing was."""
        return next((one.figure for one in self.layers if one.name == layer and one.verdict != "not run"), None)


@dataclass(frozen=True, slots=True)
class Judging:
    """One voice, and everything that all its cells share. Environments that cannot be built are tried once."""

    voice: Path
    cache: Path  # of environments
    work: Path  # an empty directory
    variables: Mapping[str, str]  # what pip is configured with
    limit_s: float  # of one call of a runner
    fixity: Finding | None = None

    def cells(
        self, rows: Sequence[Row], tell: Callable[[int, int, str], None] = lambda done, total, note: None
    ) -> tuple[Cell, ...]:
        """A cell for every row, in their order."""
        built: dict[str, Environment | str] = {}
        cells = []
        for done, row in enumerate(rows):
            tell(done, len(rows), str(row))
            cells.append(self._cell(row, built, partial(tell, done, len(rows))))
        tell(len(rows), len(rows), "done")
        return tuple(cells)

    def _cell(self, row: Row, built: dict[str, Environment | str], tell: Callable[[str], None]) -> Cell:
        """One cell; *built* remembers the environments of this matrix, and why some are not there."""
        told = _impossible(row)
        if told:
            return Cell(row, "not run", told)
        if row.lock_text not in built:
            built[row.lock_text] = self._environment(row, tell)
        found = built[row.lock_text]
        return Cell(row, "not run", found) if isinstance(found, str) else self._judged(row, found)

    def _environment(self, row: Row, tell: Callable[[str], None]) -> Environment | str:
        """The environment, or why there is none."""
        try:
            return environment_for(row, self.cache, self.variables, tell)
        except InterpreterMissingError as error:
            return f"{_capital(str(error))}."
        except EnvironmentNotBuiltError as error:
            return f"Its environment cannot be built: {str(error).rstrip('.')}."
        except OSError as error:
            return f"Its environment cannot be built: {error.strerror or error}: {error.filename}."

    def _judged(self, row: Row, environment: Environment) -> Cell:
        """Run the suite, and put away what it left."""
        command = (str(environment.interpreter), "-m", "core_model.runner", row.runner)
        runner = Runner(command, time_limit_s=self.limit_s, environment=self._settings(row), threads=row.threads)
        work = self.work / "cell"
        began, used = time.monotonic(), _used_by_children()
        try:
            assessment = assess(self.voice, RunnerSource(self.voice, runner, work), fixity=self.fixity)
        except OSError as error:  # a full disk, for one
            return Cell(row, "not run", f"Its arrays cannot be kept: {error.strerror or error}: {error.filename}.")
        finally:
            shutil.rmtree(work, ignore_errors=True)
        cell = cell_of(row, assessment)
        return replace(
            cell,
            python=environment.python,
            stand_ins=len(environment.stand_ins),
            seconds=time.monotonic() - began,
            cpu_seconds=_used_by_children() - used,
        )

    def _settings(self, row: Row) -> dict[str, str]:
        """All that the runner sees of an environment."""
        threads = str(row.threads)
        settings = {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(self._toolkit()),
            "PYTHONDONTWRITEBYTECODE": "1",
            **SWITCHES,
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
        }
        return settings | (_AVX2 if row.isa == "avx2" else {})

    def _toolkit(self) -> Path:
        """A directory that holds core_model and nothing else: what is installed beside it must not come along."""
        directory = self.work / "toolkit"
        if not directory.is_dir():
            directory.mkdir(parents=True)
            (directory / "core_model").symlink_to(Path(core_model.__path__[0]).resolve())
        return directory


def cell_of(row: Row, assessment: Assessment) -> Cell:
    """One assessment in one word."""
    layers, runtime = assessment.findings, "" if assessment.runtime == "none" else assessment.runtime
    failed = assessment.diagnosis
    if row.isa == "avx2" and "AVX512" in runtime.upper().replace("_", "").replace("-", ""):
        told = f"It computes with AVX-512 though AVX2 was asked for: {runtime}."
        return Cell(row, "not run", told, runtime, layers=layers)
    if assessment.passed:
        return Cell(row, "passed", "It speaks as it did.", runtime, layers=layers)
    if failed is not None:
        verdict: Verdict = "refused" if failed.broken else "drifted"
        cause = f" {assessment.cause.told}" if assessment.cause and verdict == "drifted" else ""
        return Cell(row, verdict, f"{failed.name}: {failed.told}{cause}", runtime, layers=layers)
    silent = next(one for one in layers if one.name in MUST_PASS and one.verdict == "not run")
    # Its environment has the package, so what is missing is something that this runtime needs and the voice has not.
    verdict = "refused" if silent.name != "text" else "not run"
    return Cell(row, verdict, f"{silent.name}: {silent.told}", runtime, layers=layers)


def figure_text(value: float | None) -> str:
    """A figure as tables show it: '2.5e-05'; '0' where nothing differed, "" where nothing was measured."""
    return "" if value is None else f"{value:.1e}" if value else "0"


def _impossible(row: Row) -> str:
    """Why a row can be run nowhere, or not on this machine; "" if it can."""
    if row.isa == "native":
        return ""
    if row.package == "onnxruntime":
        return "ONNX Runtime takes the processor's instruction sets and cannot be told which."
    present = describe()["instruction_sets"].split()
    return "" if row.isa in present or present == ["unknown"] else f"This processor has no {row.isa}."


def _used_by_children() -> float:
    """CPU seconds of all processes that this one started and that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

"""One voice on a matrix: opened once, judged row by row, and the dated results of it.

Knows what a person named, the store and the rows; the cells are `cells`'s. A bundle is unpacked into a directory that
vanishes again. TorchScript is loaded here, in a process of its own: whoever asks for a matrix asks for that.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from archive.age.envelope import Identity
from compat_tests.goldens import Tolerances, read_golden
from core_model.export.process import write_exports
from core_model.machine import describe
from core_model.speaking import has_exports
from core_model.voice import Voice
from lifecycle import __version__
from lifecycle.errors import CalibrationError
from lifecycle.examining import opened_voice
from lifecycle.matrix.calibrating import (
    calibrated,
    require_calibratable,
    row_to_move,
    write_moved,
    write_tolerances,
)
from lifecycle.matrix.cells import Cell, Judging
from lifecycle.matrix.results import Results
from lifecycle.matrix.rows import Matrix, Row
from lifecycle.store import Store
from lifecycle.trusting import Judgement, Trust
from lifecycle.verification_report import machine_line


@dataclass(frozen=True, slots=True)
class Named:
    """What a person named, and how it may be opened."""

    named: str
    identities: Sequence[Identity]
    store: Store
    trust: Trust
    base: Path | None = None  # the bundle that a delta was made against


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of it: results, the bundle's signatures, and the tolerances that the voice got from them."""

    results: Results
    judgement: Judgement | None
    calibrated: Tolerances | None = None
    uncalibrated: CalibrationError | None = None  # why it got none, where some were asked for


def verify_on(
    matrix: Matrix,
    wanted: Named,
    *,
    cache: Path,
    variables: Mapping[str, str],
    now: datetime,
    calibrate: bool = False,
    tell: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> Verified:
    """Judge the voice in the bundle, else the voice of that name, on every row. Environments are built below *cache*.

    With *calibrate* the voice on this machine gets its tolerances from the cells, or keeps those it has.
    CalibrationError, before anything is judged, for a voice whose tolerances are not ours to change.

    DamagedError: a damaged bundle is not judged; NotTrustedError, ArchiveError, VoiceError, StoreError, RecordError for
    a voice without golden outputs, OSError. Nothing that a runtime, an index or a runner does is an error.
    """
    tell(0, len(matrix.rows), "looking at every byte")
    with (
        opened_voice(wanted.named, wanted.identities, wanted.store, wanted.trust, wanted.base) as (
            voice,
            bundle_id,
            files,
            judgement,
        ),
        _with_exports(voice, wanted.store) as whole,
        wanted.store.scratch("matrix") as work,
    ):
        golden = read_golden(whole.directory)
        work, cache = work.absolute(), cache.absolute()  # a cell runs in a directory of its own
        if calibrate:
            require_calibratable(voice.directory)
        judging = Judging(whole.directory, cache, work, variables, matrix.limit_s, files)
        cells = judging.cells(matrix.rows, tell)
        results = Results(
            when=now,
            toolkit=f"lifecycle {__version__}",
            matrix=matrix.name,
            voice=voice.name,
            bundle_id=bundle_id,
            recorded=golden.recorded,
            tolerances=golden.tolerances,
            machine=describe(),
            cells=cells,
        )
        if not calibrate:
            return Verified(results, judgement)
        try:
            results = replace(results, moved=_moved(judging, row_to_move(cells), work))
            return Verified(results, judgement, _calibrated(voice, results))
        except CalibrationError as error:
            return Verified(results, judgement, uncalibrated=error)


def _moved(judging: Judging, row: Row, work: Path) -> Cell:
    """The cell of a copy of the voice whose weights were moved."""
    write_moved(judging.voice, work / "moved")
    return replace(judging, voice=work / "moved", work=work / "moved-work", fixity=None).cells([row])[0]


def _calibrated(voice: Voice, results: Results) -> Tolerances:
    assert results.moved is not None  # for mypy
    when, machine = results.when.date().isoformat(), machine_line(results.machine)
    tolerances = calibrated(results.cells, results.moved, results.tolerances, when, machine)
    write_tolerances(voice.directory, tolerances)
    return tolerances


@contextmanager
def _with_exports(voice: Voice, store: Store) -> Iterator[Voice]:
    """The voice as a bundle would hold it. A voice that was trained here gets its graphs only when it is archived."""
    if voice.exports_directory.is_dir() or not has_exports(voice):
        yield voice
        return
    with store.scratch("exports") as work:
        shutil.copytree(voice.directory, work / "voice")
        whole = Voice.open(work / "voice")
        write_exports(whole)
        yield whole

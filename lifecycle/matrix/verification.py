"""One voice on a matrix: opened once, judged row by row, and the dated results of it.

Knows what a person named, the store and the rows; the cells are `cells`'s. A bundle is unpacked into a directory that
vanishes again. TorchScript is loaded here, in a process of its own: whoever asks for a matrix asks for that.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from archive.age.envelope import Identity
from compat_tests.goldens import read_golden
from core_model.export.process import write_exports
from core_model.machine import describe
from core_model.speaking import has_exports
from core_model.voice import Voice
from lifecycle import __version__
from lifecycle.examining import opened_voice
from lifecycle.matrix.cells import Judging
from lifecycle.matrix.results import Results
from lifecycle.matrix.rows import Matrix
from lifecycle.store import Store
from lifecycle.trusting import Judgement, Trust


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person named, and how it may be opened."""

    named: str
    identities: Sequence[Identity]
    store: Store
    trust: Trust


def verify_on(
    matrix: Matrix,
    asked: Asked,
    *,
    cache: Path,
    variables: Mapping[str, str],
    now: datetime,
    tell: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> tuple[Results, Judgement | None]:
    """Judge the voice in the bundle, else the voice of that name, on every row. Environments are built below *cache*.

    DamagedError: a damaged bundle is not judged; NotTrustedError, ArchiveError, VoiceError, StoreError, RecordError for
    a voice without golden outputs, OSError. Nothing that a runtime, an index or a runner does is an error.
    """
    tell(0, len(matrix.rows), "looking at every byte")
    with (
        opened_voice(asked.named, asked.identities, asked.store, asked.trust) as (voice, bundle_id, files, judgement),
        _with_exports(voice, asked.store) as whole,
        asked.store.scratch("matrix") as work,
    ):
        golden = read_golden(whole.directory)
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
    return results, judgement


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

"""Train: from surveyed recordings to a voice in the store, resumable at any moment.

Knows the order of the work and where its unfinished parts lie; how each part is done is core_model's. The work
directory of a run holds a half-tuned voice, sealed (work_vault), never waveforms or features, and is removed as soon as
the voice is whole, its key first.

    survey ─▶ align and cut ─▶ tune GPT ─▶ tune SoVITS ─▶ round to fp16 ─▶ golden, report, exports ─▶ voices/NAME
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import torch

from core_model import machine
from core_model.errors import AlignmentError
from core_model.export.process import write_exports
from core_model.features import audio
from core_model.nano import base as nano
from core_model.nano.dims import CODES
from core_model.text.front_end import FrontEnd
from core_model.training.adaptation import Adaptation, adapt
from core_model.training.dataset import Dataset
from core_model.training.preparation import Prepared, Spoken, Unusable, prepare
from core_model.training.schedule import Progress
from core_model.voice import Voice
from lifecycle.config import RunConfig
from lifecycle.new_voice import write_new_voice
from lifecycle.recording import Recording
from lifecycle.store import Store
from lifecycle.training_report import Curves, write_records
from lifecycle.work_vault import forget_work, open_vault

Tell = Callable[[int, int, str], None]  # done, of how many, what to say beside it


@dataclass(frozen=True, slots=True)
class Trained:
    """What became of a run."""

    voice: Voice
    unusable: tuple[Unusable, ...]


def train(
    store: Store,
    name: str,
    recordings: Sequence[Recording],
    plan: Adaptation,
    *,
    licence: str,
    now: datetime,
    tell: Tell,
) -> Trained:
    """Train the voice *name*. StoreError, CoreModelError; a run of the same recordings and plan is gone on with."""
    store.require_free(name)
    remove_what_is_finished(store)
    with store.work_alone(name) as work:
        vault = open_vault(store, name, work, _fingerprint(recordings, plan), os.urandom)
        base = nano.load()
        tell(0, 1, "aligning the recordings with their transcripts")
        prepared = _prepare(recordings, base)
        dataset = Dataset(prepared.examples)
        curves = Curves(work / "curves.jsonl")
        total = plan.gpt_steps + plan.sovits_steps

        def report(progress: Progress) -> None:
            curves.add(progress)
            done = progress.step + (plan.gpt_steps if progress.stage == "sovits" else 0)
            told = "  ".join(f"{loss} {value:.3f}" for loss, value in progress.losses.items())
            tell(done, total, f"{progress.stage} {progress.step}/{progress.steps}  {told}")

        adapt(base, dataset, plan, work, report, vault)
        tell(total, total, "recording what the voice says now, to compare with in years to come")
        with store.new_voice(name) as directory:
            write_new_voice(directory, name, base, prepared, plan, licence, now, work / "stock")
            write_records(directory / "records", curves, prepared, plan, now)
            write_exports(Voice.open(directory))
        forget_work(store, name)
    return Trained(Voice.open(store.path(name)), prepared.unusable)


def run(store: Store, name: str, recordings: Sequence[Recording], config: RunConfig, *, tell: Tell) -> Trained:
    """`train` with what a person said, on this machine's clock and processor."""
    torch.set_num_threads(config.threads or os.cpu_count() or 1)
    usual = Adaptation(bfloat16=machine.computes_in_bfloat16())
    plan = replace(
        usual,
        seed=config.seed or 0,
        gpt_steps=config.gpt_steps or usual.gpt_steps,
        sovits_steps=config.sovits_steps or usual.sovits_steps,
    )
    licence = config.licence or "all rights reserved"
    return train(store, name, recordings, plan, licence=licence, now=datetime.now(UTC), tell=tell)


def _fingerprint(recordings: Sequence[Recording], plan: Adaptation) -> str:
    """What a run is made of: other recordings, words, plan or base, and it is another run."""
    facts = [asdict(plan), nano.digest(), [(r.sha256, r.text) for r in recordings]]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def remove_what_is_finished(store: Store) -> None:
    """Remove the work directories of voices that are whole: of runs that were killed just before they did it."""
    for name in store.names():
        forget_work(store, name)


def _prepare(recordings: Sequence[Recording], base: nano.Base) -> Prepared:
    """Align and cut: seconds of work, so an interrupted run does it again."""
    front_end = FrontEnd()
    spoken = [
        Spoken(r.path.name, audio.load(r.path, 16_000).waveform, front_end.phonemize(r.text, r.language))
        for r in recordings
    ]
    prepared = prepare(spoken, base.aligner, CODES)
    if not prepared.examples:
        raise AlignmentError("no recording could be aligned with its transcript")
    return prepared

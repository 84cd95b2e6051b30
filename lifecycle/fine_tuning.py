"""Fine-tune: from surveyed recordings and upstream's base files to an upstream voice, resumable at any moment.

Knows the order of the work and where its unfinished parts lie; the loops are core_model.training.fine_tuning's, which
files make a base is base_files', and what a finished voice holds is fine_tuned_voice's. The base is imported first, as
any voice is: from there on nothing knows upstream's formats. The work directory holds the base, which is public, and
half-tuned networks, sealed (work_vault); never waveforms or features. It is removed as soon as the voice is whole, its
key first.

    base files ─▶ import ─▶ listen to the recordings ─▶ tune SoVITS ─▶ tune GPT ─▶ float16 ─▶ prompt, golden, records
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from core_model import machine
from core_model.features import audio
from core_model.features.reference_mel import reference_mel
from core_model.features.sinc_resampling import sinc_resample
from core_model.listening import Listener
from core_model.pretrained import Pretrained
from core_model.sovits.dims import FlowMatchingDims
from core_model.text.front_end import FrontEnd
from core_model.training.fine_tuning import flow_matching, gpt, networks, sovits
from core_model.training.fine_tuning.preparation import Prepared, Spoken, prepare
from core_model.training.fine_tuning.utterances import SAMPLE_RATE
from core_model.training.keeping import Keeper
from core_model.training.schedule import Progress, Report
from core_model.upstream import names
from core_model.upstream.checkpoint import read_checkpoint
from core_model.upstream.shapes import DISCRIMINATORS
from core_model.voice import Voice
from lifecycle.base_files import CONTINUING, BaseFiles
from lifecycle.config import RunConfig
from lifecycle.errors import BaseFilesError
from lifecycle.fine_tuned_voice import Tuned, write_fine_tuned
from lifecycle.importing import ImportOptions, import_voice
from lifecycle.recording import Recording
from lifecycle.store import Store
from lifecycle.training import Tell, Trained, remove_what_is_finished
from lifecycle.training_report import Curves
from lifecycle.work_vault import forget_work, open_vault

_BASE = "base"  # the base's name in the work directory's own store


@dataclass(frozen=True, slots=True)
class FineTuning:
    """How much each half learns. Steps stand for upstream's usual 8 epochs of SoVITS and 15 of GPT on a minute."""

    gpt_steps: int = 48
    sovits_steps: int = 200
    batch_size: int = 4
    lora_rank: int | None = None  # v3 and v4: learn a LoRA, not the whole decoder
    seed: int = 0
    bfloat16: bool = False
    device: str = "cpu"
    checkpoint_every: int = 20


@dataclass(frozen=True, slots=True)
class _Kept:
    """Where a run keeps what it goes on from, and how."""

    work: Path
    keeper: Keeper


def fine_tune(
    store: Store,
    name: str,
    recordings: Sequence[Recording],
    base_files: BaseFiles,
    pretrained: Pretrained,
    plan: FineTuning,
    *,
    licence: str,
    now: datetime,
    tell: Tell,
) -> Trained:
    """Train the voice *name*. StoreError, ImportingError, CoreModelError; the same run again goes on where it was."""
    store.require_free(name)
    if plan.lora_rank is not None and base_files.family not in CONTINUING:
        raise BaseFilesError(
            f"a {base_files.family} voice is tuned whole: LoRAs are for v3 and v4", "leave --lora out."
        )
    remove_what_is_finished(store)
    with store.work_alone(name) as work:
        vault = open_vault(store, name, work, _fingerprint(recordings, base_files, plan), os.urandom)
        tell(0, 1, "reading the base")
        base = _imported(Store(work / _BASE), base_files, pretrained)
        listener = Listener(base, pretrained)
        tell(0, 1, "listening to the recordings")
        prepared = _prepare(base, recordings, listener)
        curves = Curves(work / "curves.jsonl")
        report = _reporter(curves, plan, tell)
        acoustic, lora = _tune_acoustic(base, base_files, prepared, plan, _Kept(work, vault), report)
        tell(plan.sovits_steps, plan.sovits_steps + plan.gpt_steps, "teaching the GPT")
        speaker = _tune_gpt(base, prepared, plan, _Kept(work, vault), report)
        tuned = Tuned(base, acoustic, lora, speaker, asdict(plan), prepared, curves.points())
        spoken = {recording.path.name: recording for recording in recordings}
        with store.new_voice(name) as directory:
            tell(1, 1, "making its prompt, and recording what it says now, to compare with in years to come")
            write_fine_tuned(directory, name, tuned, spoken, pretrained, licence, now)
        forget_work(store, name)
    return Trained(Voice.open(store.path(name)), prepared.unusable)


def run(
    store: Store,
    name: str,
    recordings: Sequence[Recording],
    base_files: BaseFiles,
    pretrained: Pretrained,
    lora_rank: int | None,
    config: RunConfig,
    *,
    tell: Tell,
) -> Trained:
    """`fine_tune` with what a person said, on this machine's clock and processor."""
    torch.set_num_threads(config.threads or os.cpu_count() or 1)
    usual = FineTuning(bfloat16=machine.computes_in_bfloat16())
    plan = replace(
        usual,
        seed=config.seed or 0,
        gpt_steps=config.gpt_steps or usual.gpt_steps,
        sovits_steps=config.sovits_steps or usual.sovits_steps,
        lora_rank=lora_rank,
    )
    licence = config.licence or "all rights reserved"
    now = datetime.now(UTC)
    return fine_tune(store, name, recordings, base_files, pretrained, plan, licence=licence, now=now, tell=tell)


def _imported(store: Store, base_files: BaseFiles, pretrained: Pretrained) -> Voice:
    """The base as a voice of the work directory; of an interrupted run it is there already."""
    if _BASE not in store.names():
        files = (base_files.gpt.path, base_files.sovits.path)
        import_voice(store, _BASE, files, ImportOptions(accept_stock=True), vocoders=pretrained.vocoders)
    return Voice.open(store.path(_BASE))


def _prepare(base: Voice, recordings: Sequence[Recording], listener: Listener) -> Prepared:
    front_end = FrontEnd(base.text_directory)
    spoken = [
        Spoken(r.path.name, _at_training_rate(r.path), front_end.phonemize(r.text, r.language)) for r in recordings
    ]
    features = listener.word_features(int(str(base.description.gpt["word_features"])))
    return prepare(spoken, listener, features)


def _at_training_rate(path: Path) -> np.ndarray:
    found = audio.load(path)
    return sinc_resample(found.waveform, found.sample_rate, SAMPLE_RATE)


def _tune_acoustic(
    base: Voice, base_files: BaseFiles, prepared: Prepared, plan: FineTuning, kept: _Kept, report: Report
) -> tuple[dict[str, np.ndarray] | None, dict[str, np.ndarray] | None]:
    """(weights of SoVITS, None), or (None, weights of a LoRA)."""
    checkpoint = kept.work / "sovits.checkpoint.safetensors"
    if base_files.judges is None:
        flow = networks.flow_of(base, plan.lora_rank, plan.seed)
        flow_plan = flow_matching.FlowMatchingPlan(
            plan.sovits_steps,
            min(plan.batch_size, 2),  # 384 million values: what fits a machine for four of the others fits two here
            seed=plan.seed,
            bfloat16=plan.bfloat16,
            device=plan.device,
            checkpoint=checkpoint,
            checkpoint_every=plan.checkpoint_every,
            keeper=kept.keeper,
        )
        decoder = flow.decoder_dims
        flow_matching.train(flow, prepared.utterances, lambda waveform: _mel(waveform, decoder), flow_plan, report)
        return (networks.rested(flow), None) if plan.lora_rank is None else (None, networks.rested_lora(flow))
    network = networks.sovits_of(base)
    judges_plan = sovits.SoVITSPlan(
        plan.sovits_steps,
        plan.batch_size,
        seed=plan.seed,
        bfloat16=plan.bfloat16,
        device=plan.device,
        checkpoint=checkpoint,
        checkpoint_every=plan.checkpoint_every,
        keeper=kept.keeper,
    )
    judged = read_checkpoint(base_files.judges.path)
    table = names.all_to_ours("discriminator", judged.tensors)
    judges = networks.judges_of(
        {table[name]: tensor for name, tensor in judged.tensors.items()}, DISCRIMINATORS[judged.family]
    )
    sovits.train(network, judges, prepared.utterances, judges_plan, report)
    return networks.rested(network), None


def _tune_gpt(base: Voice, prepared: Prepared, plan: FineTuning, kept: _Kept, report: Report) -> dict[str, np.ndarray]:
    network = networks.gpt_of(base)
    gpt_plan = gpt.GPTPlan(
        plan.gpt_steps,
        plan.batch_size,
        seed=plan.seed,
        bfloat16=plan.bfloat16,
        device=plan.device,
        checkpoint=kept.work / "gpt.checkpoint.safetensors",
        checkpoint_every=plan.checkpoint_every,
        keeper=kept.keeper,
    )
    gpt.train(network, prepared.utterances, gpt_plan, report)
    return networks.rested(network)


def _mel(waveform: np.ndarray, decoder: FlowMatchingDims) -> np.ndarray:
    """(N,) at SAMPLE_RATE to the normalised mel (M, L) that the decoder learns to make."""
    mel: np.ndarray = reference_mel(sinc_resample(waveform, SAMPLE_RATE, decoder.mel_sample_rate), decoder)[0]
    return mel


def _reporter(curves: Curves, plan: FineTuning, tell: Tell) -> Report:
    total = plan.sovits_steps + plan.gpt_steps

    def report(progress: Progress) -> None:
        curves.add(progress)
        done = progress.step + (plan.sovits_steps if progress.stage == "gpt" else 0)
        told = "  ".join(f"{loss} {value:.3f}" for loss, value in progress.losses.items())
        tell(done, total, f"{progress.stage} {progress.step}/{progress.steps}  {told}")

    return report


def _fingerprint(recordings: Sequence[Recording], base_files: BaseFiles, plan: FineTuning) -> str:
    """What a run is made of: other recordings, words, plan or base, and it is another run."""
    files = (base_files.gpt, base_files.sovits, base_files.judges)
    digests = [_digest(file.path) for file in files if file is not None]
    said = [(recording.sha256, recording.text) for recording in recordings]
    facts = [asdict(replace(plan, checkpoint_every=0)), digests, said]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Fine-tunes the flow-matching families v3 and v4, whole or through low-rank adapters.

Read once, from top to bottom. One loss: the velocity past a prompt of 0 to 2/3 of the utterance; in three of ten steps
the target is a shortcut instead, where two steps of 2^-k (k = 2 to 7) lead in one (Frans 2024). Quantizer and text
encoder stay: they are what the GPT's codes mean. No judges. Reference: INFERENCE.md §8. Resumable: see
core_model.training.checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from core_model.diffusion.cfm import Lesson
from core_model.diffusion.synthesizer import FlowMatchingSoVITS
from core_model.training import checkpoint
from core_model.training.fine_tuning.utterances import HOP, Batch, Utterances
from core_model.training.keeping import IN_THE_CLEAR, Keeper
from core_model.training.schedule import Progress, Report, silent

MelOf = Callable[[np.ndarray], np.ndarray]  # (N,) float32 at 32 kHz -> normalised mel (M, L)

FROZEN_PARTS = ("quantizer.", "text_encoder.")
SHORTCUT_SHARE = 0.3
_HALVINGS = (2, 7)
_LONGEST_PROMPT = 2 / 3
_DECAY = 0.999875  # of the learning rate, each epoch
_TORCH_SEEDS = 2**63


@dataclass(frozen=True, slots=True)
class FlowMatchingPlan:
    """How much the decoder learns."""

    steps: int
    batch_size: int = 2
    learning_rate: float = 1e-4
    steps_per_epoch: int = 100
    seed: int = 0
    bfloat16: bool = False
    device: str = "cpu"
    checkpoint: Path | None = None
    checkpoint_every: int = 50
    keeper: Keeper = IN_THE_CLEAR


def train(
    network: FlowMatchingSoVITS,
    utterances: Utterances,
    mel_of: MelOf,
    plan: FlowMatchingPlan,
    report: Report = silent,
) -> None:
    """Fine-tune *network* in place: all that is not frozen, or, after adapters.adapt, what a LoRA file holds."""
    network.to(plan.device).train()
    for name, parameter in network.named_parameters():
        if name.startswith(FROZEN_PARTS):
            parameter.requires_grad_(False)
    for part in (network.quantizer, network.text_encoder):
        part.eval()  # what never learns needs no dropout either
    moving = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(moving, lr=plan.learning_rate, betas=(0.8, 0.99), eps=1e-9)
    networks, optimizers = {"sovits": network}, {"adamw": optimizer}
    start = checkpoint.load(plan.checkpoint, networks, optimizers, plan.keeper) if plan.checkpoint else 0
    for step in range(start, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * _DECAY ** (step // plan.steps_per_epoch)
        loss = _lesson(network, utterances, mel_of, plan, step).loss()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        report(Progress("flow_matching", step + 1, plan.steps, {"velocity": loss.item()}))
        if plan.checkpoint and ((step + 1) % plan.checkpoint_every == 0 or step + 1 == plan.steps):
            checkpoint.save(plan.checkpoint, step + 1, networks, optimizers, plan.keeper)
    network.eval()


def _lesson(
    network: FlowMatchingSoVITS, utterances: Utterances, mel_of: MelOf, plan: FlowMatchingPlan, step: int
) -> Lesson:
    """The batch of *step* through the network; its noise, times, prompts and dropout are drawn by (seed, step) too."""
    rng = np.random.Generator(np.random.Philox(key=[plan.seed, step], counter=1))
    batch = utterances.batch(plan.seed, step, plan.batch_size)
    mel, mel_lengths = _mels(batch, mel_of)
    rows = len(mel)
    shortcut = bool(rng.random() < SHORTCUT_SHARE)
    size = 2.0 ** -rng.integers(_HALVINGS[0], _HALVINGS[1] + 1, rows) if shortcut else np.zeros(rows)
    arrays = (
        batch.codes,
        batch.code_lengths,
        batch.phonemes,
        batch.phoneme_lengths,
        batch.spectrogram,
        batch.frame_lengths,
        mel,
        mel_lengths,
        rng.standard_normal(mel.shape, dtype=np.float32),
        np.floor(rng.random(rows) * _LONGEST_PROMPT * mel_lengths).astype(np.int64),
        (rng.random(rows) * (1 - 2 * size)).astype(np.float32),  # so that both halves of a shortcut end by time 1
        size.astype(np.float32),
    )
    inputs = [torch.from_numpy(array).to(plan.device) for array in arrays]
    with (
        torch.random.fork_rng(devices=[]),
        torch.autocast(plan.device, dtype=torch.bfloat16, enabled=plan.bfloat16),
    ):
        torch.manual_seed(int(rng.integers(_TORCH_SEEDS)))
        lesson: Lesson = network(*inputs, shortcut=shortcut)
    return Lesson(lesson.predicted.float(), lesson.target.float(), lesson.mask)


def _mels(batch: Batch, mel_of: MelOf) -> tuple[np.ndarray, np.ndarray]:
    """(B, M, L) and (B,): each row's own mel of its own samples, padded with zeros."""
    samples = batch.frame_lengths * HOP
    mels = [mel_of(row[:count]) for row, count in zip(batch.waveform, samples, strict=True)]
    lengths = np.array([mel.shape[1] for mel in mels])
    padded = np.zeros((len(mels), mels[0].shape[0], int(lengths.max())), np.float32)
    for row, mel in zip(padded, mels, strict=True):
        row[:, : mel.shape[1]] = mel
    return padded, lengths

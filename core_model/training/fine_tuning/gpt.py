"""Fine-tunes an upstream GPT: given phonemes, word features and the codes so far, predict the next code.

Read once, from top to bottom. Teacher forcing, cross entropy summed over the codes with end of speech appended, the
gradients of four batches gathered for each step of ScaledAdam, at 0.01 for the first step and 0.002 ever after: that is
what upstream does (INFERENCE.md §8). Upstream's dropout of 0.1 is left out: this network has none, and a minute of
speech is over before it would tell. Resumable: see core_model.training.checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from core_model.gpt import GPT
from core_model.training import checkpoint
from core_model.training.fine_tuning.scaled_adam import ScaledAdam
from core_model.training.fine_tuning.utterances import Batch, Utterances
from core_model.training.keeping import IN_THE_CLEAR, Keeper
from core_model.training.schedule import Progress, Report, silent

FIRST_LEARNING_RATE = 0.01  # of the very first step alone: upstream's schedule takes hold after it
_BATCHES_A_STEP = 4
_IGNORED = -100  # cross entropy's mark for "no target here"


@dataclass(frozen=True, slots=True)
class GPTPlan:
    """How much the GPT learns. A step is four batches."""

    steps: int
    batch_size: int = 8
    learning_rate: float = 0.002
    first_learning_rate: float = FIRST_LEARNING_RATE
    seed: int = 0
    bfloat16: bool = False
    device: str = "cpu"
    checkpoint: Path | None = None
    checkpoint_every: int = 50
    keeper: Keeper = IN_THE_CLEAR


def loss_of(network: GPT, batch: Batch, device: str = "cpu") -> tuple[torch.Tensor, int, int]:
    """(cross entropy summed over the codes, how many codes, how many guessed right) of one batch."""
    codes = torch.from_numpy(batch.codes).to(device)  # (B, T)
    lengths = torch.from_numpy(batch.code_lengths).to(device)
    # Each code is predicted from those before it, so the first of all stands in front and is never a target (when
    # speaking, a prompt stands there). End of speech follows the last.
    positions = torch.arange(codes.shape[1], device=device)
    following = torch.cat([codes[:, 1:], torch.zeros_like(codes[:, :1])], dim=1)
    targets = torch.where(positions == lengths[:, None] - 1, network.dims.end_of_speech, following)
    targets = torch.where(positions < lengths[:, None], targets, _IGNORED)
    features = None if batch.word_features is None else torch.from_numpy(batch.word_features).to(device)
    phoneme_lengths = torch.from_numpy(batch.phoneme_lengths).to(device)
    logits = network(torch.from_numpy(batch.phonemes).to(device), codes, features, phoneme_lengths)  # (B, T, V)
    loss = functional.cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), ignore_index=_IGNORED, reduction="sum"
    )
    known = targets != _IGNORED
    return loss, int(known.sum()), int((logits.argmax(-1) == targets)[known].sum())


def train(network: GPT, utterances: Utterances, plan: GPTPlan, report: Report = silent) -> None:
    """Fine-tune *network* in place for `plan.steps` steps, going on from `plan.checkpoint` if it exists."""
    network.to(plan.device).train()
    optimizer = ScaledAdam([p for p in network.parameters() if p.requires_grad], plan.learning_rate)
    networks, optimizers = {"gpt": network}, {"scaled_adam": optimizer}
    start = checkpoint.load(plan.checkpoint, networks, optimizers, plan.keeper) if plan.checkpoint else 0
    for step in range(start, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.first_learning_rate if step == 0 else plan.learning_rate
        optimizer.zero_grad(set_to_none=True)
        total, count, right = 0.0, 0, 0
        for part in range(_BATCHES_A_STEP):
            batch = utterances.batch(plan.seed, _BATCHES_A_STEP * step + part, plan.batch_size)
            with torch.autocast(plan.device, dtype=torch.bfloat16, enabled=plan.bfloat16):
                loss, codes, guessed = loss_of(network, batch, plan.device)
            loss.backward()  # type: ignore[no-untyped-call]
            total, count, right = total + loss.item(), count + codes, right + guessed
        optimizer.step()
        told = {"cross_entropy": total / count, "accuracy": right / count}
        report(Progress("gpt", step + 1, plan.steps, told))
        if plan.checkpoint and ((step + 1) % plan.checkpoint_every == 0 or step + 1 == plan.steps):
            checkpoint.save(plan.checkpoint, step + 1, networks, optimizers, plan.keeper)
    network.eval()

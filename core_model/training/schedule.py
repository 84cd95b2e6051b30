"""How long a run is, how fast it learns, and what it tells of itself while it runs.

Knows no networks. One set of options serves both loops; a loop adds its own losses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core_model.training.keeping import IN_THE_CLEAR, Keeper
from core_model.training.processes import ALONE, Processes


@dataclass(frozen=True, slots=True)
class Options:
    """One training run. *seed* draws batches and noise; *bfloat16* is for CPUs (or GPUs) that compute in it.

    Where several *processes* train, each has these options, and only the first one reports and writes checkpoints.
    """

    steps: int
    batch_size: int = 16
    learning_rate: float = 5e-4
    warmup_steps: int = 50
    seed: int = 0
    bfloat16: bool = False
    device: str = "cpu"
    checkpoint: Path | None = None
    checkpoint_every: int = 200
    keeper: Keeper = IN_THE_CLEAR
    processes: Processes = ALONE  # batch_size is of all of them together


@dataclass(frozen=True, slots=True)
class Progress:
    """What a loop reports after a step."""

    stage: str
    step: int
    steps: int
    losses: Mapping[str, float]


Report = Callable[[Progress], None]


def silent(_progress: Progress) -> None:
    """A report that nobody reads."""


def learning_rate(options: Options, step: int) -> float:
    """Linear warm-up, then half a cosine down to a twentieth of the peak (Loshchilov & Hutter 2017, no restarts)."""
    if step < options.warmup_steps:
        return options.learning_rate * (step + 1) / options.warmup_steps
    done = (step - options.warmup_steps) / max(1, options.steps - options.warmup_steps)
    return options.learning_rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))

"""How long each training of the base runs, so that all of them fit into the time there is.

Knows seconds and steps; nothing of networks or clocks. The speed is measured before anything is planned, the plan is
written down once, and every later slice of the run reads it: a schedule whose length changed would be another training.

    time given ─▶ speech (about a quarter) ─▶ measuring ─▶ the rest: aligner 5 %, GPT 20 %, SoVITS 65 %, 10 % spare
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

STAGES = ("aligner", "gpt", "sovits")
USUAL_STEPS = {"aligner": 1500, "gpt": 4000, "sovits": 6500}  # where no time is given
SPEECH_SHARE = 0.25
_SHARES = {"aligner": 0.05, "gpt": 0.2, "sovits": 0.65}  # of what is left; the rest: packing, and a busier machine
_BETWEEN_CHECKPOINTS_S = 120.0  # what a killed slice loses at most


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps of every training, and steps between its checkpoints; *seconds* a step where they were measured."""

    steps: Mapping[str, int]
    checkpoint_every: Mapping[str, int]
    seconds: Mapping[str, float]

    def write(self, path: Path) -> None:
        """As JSON, whole or not at all."""
        partial = path.with_name(path.name + ".partial")
        with partial.open("w", encoding="utf-8") as file:
            file.write(json.dumps(asdict(self), indent=1))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> Plan:
        """The inverse of `write`."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def usual() -> Plan:
    """Where nobody said how long it may take."""
    return Plan(USUAL_STEPS, dict.fromkeys(STAGES, 200), {})


def fitted(seconds_left: float, seconds: Mapping[str, float]) -> Plan:
    """Steps that take *seconds_left* together, where one of each training takes *seconds*; at least one step each."""
    steps = {stage: max(1, int(_SHARES[stage] * seconds_left / seconds[stage])) for stage in STAGES}
    every = {stage: max(1, int(_BETWEEN_CHECKPOINTS_S / seconds[stage])) for stage in STAGES}
    return Plan(steps, every, dict(seconds))

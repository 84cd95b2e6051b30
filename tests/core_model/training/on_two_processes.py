"""What torchrun starts for test_processes.py: both loops on whatever processes there are, and what came of it.

torchrun --nproc-per-node 2 -m tests.core_model.training.on_two_processes DIRECTORY STEPS
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from core_model.training import gpt, sovits
from core_model.training.processes import Processes, joined
from core_model.training.schedule import Options, Progress
from tests.core_model.training.tiny import tiny_dataset, tiny_gpt, tiny_judges, tiny_sovits, weights_of

HEARD_EARLY = sovits.Weights(judges_from=0.3, judges_full=0.8)


def run(directory: Path, processes: Processes) -> None:
    """Train for six steps, and leave the weights of each process, losses.json and the checkpoints in *directory*."""
    torch.set_num_threads(1)
    told: list[Progress] = []
    options = Options(steps=6, batch_size=4, warmup_steps=1, seed=3, checkpoint_every=1, processes=processes)
    networks = tiny_gpt(), tiny_sovits(), tiny_judges()
    dataset = tiny_dataset(6)
    gpt.train(networks[0], dataset, replace(options, checkpoint=directory / "gpt"), told.append)
    sovits.train(*networks[1:], dataset, replace(options, checkpoint=directory / "sovits"), HEARD_EARLY, told.append)
    save_file(weights_of(*networks), directory / f"weights-{processes.rank}.safetensors")
    if processes.first:
        lines = [{"stage": p.stage, "step": p.step, **p.losses} for p in told]
        (directory / "losses.json").write_text(json.dumps(lines))


if __name__ == "__main__":
    with joined(os.environ, "cpu") as (processes, _):
        run(Path(sys.argv[1]), processes)

"""Where a training run stands, on disk: weights, optimizer moments and the step, in one safetensors file.

Knows networks and AdamW, nothing of losses or data. A file is written beside its destination, flushed and renamed, so a
run that is killed at any moment finds the last whole checkpoint or none. Batches and noise are drawn by (seed, step),
so nothing else is needed to go on exactly as the uninterrupted run would have.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from core_model.training.schedule import Options

_STEP = "step"


def save(
    path: Path, step: int, networks: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]
) -> None:
    """Write the state after *step* steps to *path*, whole or not at all."""
    tensors = {_STEP: torch.tensor([step])}
    for name, network in networks.items():
        for key, tensor in network.state_dict().items():
            tensors[f"{name}/{key}"] = tensor.detach().clone().contiguous()
    for name, optimizer in optimizers.items():
        for index, state in optimizer.state_dict()["state"].items():
            for key, tensor in state.items():
                tensors[f"{name}/{index}/{key}"] = tensor.detach().clone().reshape(tensor.shape or (1,)).contiguous()
    partial = path.with_name(path.name + ".partial")
    save_file(tensors, partial)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def save_when_due(
    options: Options, step: int, networks: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]
) -> None:
    """`save`, where *options* ask for it after *step* steps."""
    if options.checkpoint and (step % options.checkpoint_every == 0 or step == options.steps):
        save(options.checkpoint, step, networks, optimizers)


def load(path: Path, networks: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]) -> int:
    """Restore what `save` wrote and return its step; 0, and nothing changed, where there is no file."""
    if not path.exists():
        return 0
    tensors = load_file(path)
    for name, network in networks.items():
        prefix = f"{name}/"
        network.load_state_dict({key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)})
    for name, optimizer in optimizers.items():
        prefix = f"{name}/"
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith(prefix):
                index, moment = key.removeprefix(prefix).split("/")
                state.setdefault(int(index), {})[moment] = tensor.reshape(()) if moment == "step" else tensor
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(tensors[_STEP][0])

"""Where a training run stands, on disk: weights, optimizer moments and the step, in one safetensors file.

Knows networks and AdamW, nothing of losses or data, and not whether the file can be read by others: a keeper writes it,
whole or not at all, so that a run that is killed at any moment finds the last whole checkpoint or none. Batches and
noise are drawn by (seed, step), so nothing else is needed to go on exactly as the uninterrupted run would have.

The file is laid out here and not by safetensors' own writer: that one writes to a path, in the clear, or copies every
tensor twice; a v3's moments take 4.6 GB. https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import load as parse
from torch import nn

from core_model.training.keeping import IN_THE_CLEAR, Keeper
from core_model.training.schedule import Options

_STEP = "step"
_TYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def save(
    path: Path,
    step: int,
    networks: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    keeper: Keeper = IN_THE_CLEAR,
) -> None:
    """Write the state after *step* steps to *path*, whole or not at all."""
    tensors = {_STEP: torch.tensor([step])}
    for name, network in networks.items():
        for key, tensor in network.state_dict().items():
            tensors[f"{name}/{key}"] = tensor.detach()
    for name, optimizer in optimizers.items():
        for index, state in optimizer.state_dict()["state"].items():
            for key, tensor in state.items():
                tensors[f"{name}/{index}/{key}"] = tensor.detach().reshape(tensor.shape or (1,))
    keeper.write(path, pieces_of(tensors))


def save_when_due(
    options: Options, step: int, networks: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]
) -> None:
    """`save`, where *options* ask for it after *step* steps."""
    if options.checkpoint and (step % options.checkpoint_every == 0 or step == options.steps):
        save(options.checkpoint, step, networks, optimizers, options.keeper)


def load(
    path: Path,
    networks: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    keeper: Keeper = IN_THE_CLEAR,
) -> int:
    """Restore what `save` wrote and return its step; 0, and nothing changed, where there is no file."""
    data = keeper.read(path)
    if data is None:
        return 0
    tensors = parse(data)
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


def pieces_of(tensors: Mapping[str, torch.Tensor]) -> Iterator[bytes | memoryview]:
    """The safetensors file of *tensors*, a piece for its header and one for each tensor; nothing large is copied.

    The widest types come first, as safetensors' own writer has it: so every tensor lies where its type is aligned.
    """
    ordered = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header, end = {}, 0
    for name in ordered:
        tensor, begin = tensors[name], end
        end += tensor.element_size() * tensor.numel()
        header[name] = {"dtype": _TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in ordered:
        if tensors[name].numel():
            flat = tensors[name].cpu().contiguous().reshape(-1)
            yield flat.view(torch.uint8).numpy().data

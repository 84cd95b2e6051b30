"""Low-rank adapters (Hu 2021) on the transformer of v3 and v4: what a LoRA file holds, while it is being trained.

Knows which four layers of each block take one, and which other parts are trained whole beside them; nothing of files.
Merged they are W + up · down, with a scale of 1: core_model.diffusion.lora does that. Reference: FORMAT.md §3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from core_model.diffusion.synthesizer import FlowMatchingSoVITS

ADAPTED = ("query", "key", "value", "out")  # of every block's attention
WHOLE_PARTS = ("style_encoder.", "bridge.", "feature_encoder.", "mel_projection.")  # trained in full, stored in full
CARRIED_PARTS = ("quantizer.codebook", "quantizer.cluster_size", "quantizer.initialised")  # stored, and never trained


class LowRankLinear(nn.Module):
    """A linear layer that stays, and what is added to it. Begins as the layer itself."""

    def __init__(self, base: nn.Linear, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.base = base
        bound = 1 / math.sqrt(base.in_features)
        down = torch.rand(rank, base.in_features, generator=generator) * 2 * bound - bound
        self.down = nn.Parameter(down.to(base.weight.device))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank, device=base.weight.device))

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        return self.base(x) + nn.functional.linear(nn.functional.linear(x, self.down), self.up)  # type: ignore[no-any-return]


def attach(network: FlowMatchingSoVITS, rank: int, seed: int) -> None:
    """Give every adapted layer of *network* its pair of matrices, in place; only what a LoRA file holds then learns."""
    if rank < 1:
        raise ValueError(f"a rank of {rank} adapts nothing")
    generator = torch.Generator().manual_seed(seed)
    for block in network.transformer.blocks:
        for name in ADAPTED:
            setattr(block.attention, name, LowRankLinear(getattr(block.attention, name), rank, generator))
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith(WHOLE_PARTS) or name.endswith((".down", ".up")))


def lora_tensors(network: FlowMatchingSoVITS) -> dict[str, Tensor]:
    """What a LoRA file holds of an adapted *network*, under our names."""
    return {name: tensor.detach().cpu() for name, tensor in _held(network)}


def _held(network: FlowMatchingSoVITS) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in network.state_dict().items():
        if name.startswith(WHOLE_PARTS + CARRIED_PARTS) or name.endswith((".down", ".up")):
            yield name, tensor

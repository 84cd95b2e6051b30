"""A LoRA while it learns: a narrow pair of matrices beside each matrix of attention, which itself stays as it is.

Knows the transformer's four layers of attention, no loss and no optimizer. What it leaves in the network's state under
our names is what core_model.upstream.names calls lora_training; `lora_weights` picks what a LoRA file holds. Merging is
lora.py's. Reference: Hu 2022; FORMAT.md §3 (alpha = rank, so the scale is 1). r rank, C width.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.diffusion.lora import ADAPTED
from core_model.diffusion.synthesizer import FlowMatchingSoVITS

# What upstream trains whole beside the pairs, and the buffers its file carries along.
TRAINED_WHOLE = ("style_encoder.", "bridge.", "feature_encoder.", "mel_projection.")
CARRIED = (
    "quantizer.codebook",
    "quantizer.codebook_sum",
    "quantizer.cluster_size",
    "quantizer.initialised",
    "transformer.inverse_frequencies",
)


class Adapter(nn.Module):
    """A linear layer, frozen, and the pair that learns what to add to it. It begins by adding nothing."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.empty(rank, base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return self.base(x) + F.linear(F.linear(x, self.down), self.up)


def adapt(network: FlowMatchingSoVITS, rank: int) -> FlowMatchingSoVITS:
    """Freeze *network* but for what a LoRA of *rank* trains, and put an adapter on each of its layers of attention.

    The adapters' first values come from torch's global generator (seed it before). Returns *network*.
    """
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith(TRAINED_WHOLE))
    for block in network.transformer.blocks:
        for layer in ADAPTED:
            setattr(block.attention, layer, Adapter(getattr(block.attention, layer), rank))
    return network


def lora_weights(network: FlowMatchingSoVITS) -> dict[str, Tensor]:
    """What a LoRA file holds of an adapted network, under our names."""
    kept = (*TRAINED_WHOLE, *CARRIED)
    return {
        name: tensor
        for name, tensor in network.state_dict().items()
        if name.startswith(kept) or name.endswith((".down", ".up"))
    }

"""Pieces that several SoVITS blocks share: masks, channel norm, the gated WaveNet stack, weight norm and its folding.

Knows nothing of phonemes, codes or audio. A mask is float (B, 1, T), one where a frame is real, or None when all are.
Reference: van den Oord 2016 (gated activations), Salimans & Kingma 2016 (weight norm).
B batch, C channels, T frames, S style.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

__all__ = ["ChannelNorm", "WaveNet", "fold_weight_norm", "length_mask", "masked", "take_frames", "weight_norm"]


def length_mask(lengths: Tensor, frames: int) -> Tensor:
    """(B,) lengths -> float (B, 1, frames): one where a frame is real."""
    return (torch.arange(frames, device=lengths.device) < lengths[:, None]).float()[:, None]


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """*x* with its padding zeroed: needed before every convolution, which would smear padding into real frames."""
    return x if mask is None else x * mask


def take_frames(x: Tensor, starts: Tensor, frames: int) -> Tensor:
    """From each row of *x* (B, C, T) the *frames* that begin at *starts* (B,) -> (B, C, frames)."""
    index = starts[:, None] + torch.arange(frames, device=x.device)  # (B, frames)
    return x.gather(2, index[:, None].expand(-1, x.shape[1], -1))


class ChannelNorm(nn.Module):
    """Layer norm over the channels of (B, C, T)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        return F.layer_norm(x.transpose(1, 2), (self.channels,), self.weight, self.bias, 1e-5).transpose(1, 2)


class WaveNetLayer(nn.Module):
    """One gated convolution with a residual and a skip output; the last of a stack has the skip alone."""

    def __init__(self, channels: int, kernel: int, last: bool) -> None:
        super().__init__()
        self.channels = channels
        self.last = last
        self.inner = weight_norm(nn.Conv1d(channels, 2 * channels, kernel, padding=kernel // 2))
        self.outer = weight_norm(nn.Conv1d(channels, channels if last else 2 * channels, 1))

    def forward(self, x: Tensor, condition: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, C, T) and (B, 2C, 1) -> what goes on to the next layer and what skips it, each (B, C, T)."""
        signal, gate = (self.inner(x) + condition).chunk(2, 1)
        out = self.outer(torch.tanh(signal) * torch.sigmoid(gate))
        if self.last:
            return x, out
        residual, skip = out.chunk(2, 1)
        return masked(x + residual, mask), skip


class WaveNet(nn.Module):
    """Gated convolutions (dilation 1) conditioned on a style; the sum of the skips is the output."""

    def __init__(self, channels: int, kernel: int, layers: int, style: int) -> None:
        super().__init__()
        self.channels = channels
        self.condition = weight_norm(nn.Conv1d(style, 2 * channels * layers, 1))
        self.layers = nn.ModuleList(WaveNetLayer(channels, kernel, i == layers - 1) for i in range(layers))

    def forward(self, x: Tensor, style: Tensor, mask: Tensor | None) -> Tensor:
        """(B, C, T) and (B, S, 1) -> (B, C, T)."""
        conditions = self.condition(style).split(2 * self.channels, 1)
        total = torch.zeros_like(x)
        for index, layer in enumerate(self.layers):
            x, skip = layer(x, conditions[index], mask)
            total = total + skip
        return masked(total, mask)


def fold_weight_norm(module: nn.Module) -> nn.Module:
    """Replace every weight-normed weight in *module* by its value, computed in float64; returns *module*.

    float64, because float32 norms differ between machines in the last bit, and exported bytes must not.
    """
    for layer in module.modules():
        if not parametrize.is_parametrized(layer, "weight"):
            continue
        originals = layer.parametrizations["weight"]
        g, v = originals.original0.detach().double(), originals.original1.detach().double()
        norm = v.flatten(1).norm(dim=1).reshape(g.shape)
        weight = (v * (g / norm)).to(originals.original1.dtype)
        # torch's remove_parametrizations edits the class, which a deep copy shares: the network copied from would break
        layer.__class__ = parametrize.type_before_parametrizations(layer)
        del layer.parametrizations
        layer.weight = nn.Parameter(weight)
    return module

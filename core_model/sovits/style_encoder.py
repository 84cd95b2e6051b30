"""A reference spectrogram to one style vector: whose voice it is, not what it says.

Knows nothing of text or codes. Reference: Min 2021 (Meta-StyleSpeech, mel style encoder); INFERENCE.md §2.
B batch, T frames, C width, S style. Rows are time-first here: most of it is per-frame linear.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.sovits.dims import SoVITSDims
from core_model.sovits.layers import masked


class GatedConv(nn.Module):
    """A convolution whose second half gates its first, added to its input."""

    def __init__(self, width: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, 2 * width, kernel, padding=kernel // 2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        return x + self.dropout(F.glu(self.conv(x), 1))


class StyleAttention(nn.Module):
    """Self attention whose temperature is the root of the whole width, not of a head's: upstream's choice."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = math.sqrt(width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, T, C) -> (B, T, C), the input added."""
        scores = torch.matmul(self._split(self.query(x)), self._split(self.key(x)).transpose(2, 3)) / self.temperature
        if mask is not None:
            scores = scores.masked_fill(mask[:, None] == 0, -1e4)
        weights = self.dropout(torch.softmax(scores, dim=-1))
        mixed = torch.matmul(weights, self._split(self.value(x))).transpose(1, 2).reshape(x.shape)
        return x + self.dropout(self.out(mixed))

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], self.heads, x.shape[2] // self.heads).transpose(1, 2)


class StyleEncoder(nn.Module):
    """Per-frame layers, two gated convolutions, attention, and the mean over the real frames."""

    def __init__(self, dims: SoVITSDims) -> None:
        super().__init__()
        width = dims.style_width
        self.bins = dims.style_bins
        self.entry = nn.Linear(dims.style_bins, width)
        self.second = nn.Linear(width, width)
        self.convs = nn.ModuleList(GatedConv(width, dims.style_kernel, dims.dropout) for _ in range(2))
        self.attention = StyleAttention(width, dims.style_heads, dims.dropout)
        self.projection = nn.Linear(width, dims.style)
        self.dropout = nn.Dropout(dims.dropout)

    def forward(self, reference_spectrogram: Tensor, mask: Tensor | None) -> Tensor:
        """Linear magnitudes (B, bins or more, T) -> (B, S, 1); bins above the network's are left out."""
        x = reference_spectrogram[:, : self.bins].transpose(1, 2)
        x = self.dropout(F.mish(self.entry(x)))
        x = self.dropout(F.mish(self.second(x))).transpose(1, 2)  # (B, C, T)
        for conv in self.convs:
            x = conv(masked(x, mask))
        x = self.projection(self.attention(masked(x, mask).transpose(1, 2), mask)).transpose(1, 2)  # (B, S, T)
        if mask is None:
            return x.mean(2, keepdim=True)
        return (x * mask).sum(2, keepdim=True) / mask.sum(2, keepdim=True)

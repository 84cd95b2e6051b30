"""Attention with relative positions, and the post-norm transformer built on it.

Knows nothing of what its rows mean. Lengths may differ from call to call: no shape is fixed by tracing.
Reference: Shaw 2018 (relative positions), Vaswani 2017 (post-norm). B batch, C channels, H heads, T queries, K keys.

A window of w keeps 2w + 1 offsets. Scores by offset become scores by key with one shear, no index table:

    (T, 2w+1)  pad right to  (T, T+2w+1)  flat, drop last T  (T, T+2w)  columns w .. w+T
    a b c                    a b c 0 0 0                     a b c 0 0              b c 0
    d e f      ──────▶       d e f 0 0 0      ──────▶        0 d e f 0   ──────▶    d e f
    g h i                    g h i 0 0 0                     0 0 g h i              0 g h      (T = 3, w = 1)
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.sovits.layers import ChannelNorm, masked


def offsets_to_keys(x: Tensor, window: int) -> Tensor:
    """Scores by offset (B, H, T, 2w+1) -> scores by key (B, H, T, T), zero outside the window."""
    batch, heads, rows, columns = x.shape
    sheared = F.pad(x, (0, rows)).reshape(batch, heads, rows * (rows + columns))[:, :, : rows * (rows + columns - 1)]
    return sheared.reshape(batch, heads, rows, rows + columns - 1)[:, :, :, window : window + rows]


def keys_to_offsets(x: Tensor, window: int) -> Tensor:
    """The reverse shear: weights by key (B, H, T, T) -> by offset (B, H, T, 2w+1); keys outside the window are lost."""
    batch, heads, rows, _ = x.shape
    flat = F.pad(x, (window, window)).reshape(batch, heads, rows * (rows + 2 * window))
    return F.pad(flat, (0, rows)).reshape(batch, heads, rows, rows + 2 * window + 1)[:, :, :, : 2 * window + 1]


class Attention(nn.Module):
    """Multi-head attention over channels-first rows; a window of 0 means no relative positions."""

    def __init__(self, width: int, heads: int, dropout: float, window: int = 0) -> None:
        super().__init__()
        self.heads = heads
        self.head_width = width // heads
        self.window = window
        self.query = nn.Conv1d(width, width, 1)
        self.key = nn.Conv1d(width, width, 1)
        self.value = nn.Conv1d(width, width, 1)
        self.out = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout(dropout)
        self.relative_key: nn.Parameter | None = None
        self.relative_value: nn.Parameter | None = None
        if window:
            shape = (1, 2 * window + 1, self.head_width)  # shared by the heads
            self.relative_key = nn.Parameter(torch.randn(shape) / math.sqrt(self.head_width))
            self.relative_value = nn.Parameter(torch.randn(shape) / math.sqrt(self.head_width))

    def forward(self, x: Tensor, context: Tensor, context_mask: Tensor | None) -> Tensor:
        """Queries (B, C, T), keys and values from (B, C, K) -> (B, C, T)."""
        query = self._split(self.query(x)).transpose(2, 3) / math.sqrt(self.head_width)  # (B, H, T, d)
        key = self._split(self.key(context))  # (B, H, d, K)
        value = self._split(self.value(context)).transpose(2, 3)  # (B, H, K, d)
        scores = torch.matmul(query, key)
        relative_key = self.relative_key
        if relative_key is not None:
            scores = scores + offsets_to_keys(torch.matmul(query, relative_key.transpose(1, 2)), self.window)
        if context_mask is not None:
            scores = scores.masked_fill(context_mask[:, None] == 0, -1e4)
        weights = self.dropout(torch.softmax(scores, dim=-1))
        out = torch.matmul(weights, value)
        relative_value = self.relative_value
        if relative_value is not None:
            out = out + torch.matmul(keys_to_offsets(weights, self.window), relative_value)
        return self.out(out.transpose(2, 3).reshape(x.shape))

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], self.heads, self.head_width, x.shape[2])


class FeedForward(nn.Module):
    """Two convolutions with a ReLU between them."""

    def __init__(self, width: int, inner: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.expand = nn.Conv1d(width, inner, kernel, padding=kernel // 2)
        self.contract = nn.Conv1d(inner, width, kernel, padding=kernel // 2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        inner = self.dropout(torch.relu(self.expand(masked(x, mask))))
        return masked(self.contract(masked(inner, mask)), mask)


class TransformerLayer(nn.Module):
    """Attention, then feedforward; each is added to its input and normed after."""

    def __init__(self, width: int, inner: int, heads: int, kernel: int, dropout: float, window: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads, dropout, window)
        self.attention_norm = ChannelNorm(width)
        self.feedforward = FeedForward(width, inner, kernel, dropout)
        self.feedforward_norm = ChannelNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        x = self.attention_norm(x + self.dropout(self.attention(x, x, mask)))
        return self.feedforward_norm(x + self.dropout(self.feedforward(x, mask)))


class Transformer(nn.Module):
    """A stack of layers over (B, C, T); padding goes in and comes out as zeros."""

    def __init__(
        self, layers: int, *, width: int, inner: int, heads: int, kernel: int, dropout: float, window: int
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TransformerLayer(width, inner, heads, kernel, dropout, window) for _ in range(layers)
        )

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        x = masked(x, mask)
        for layer in self.layers:
            x = layer(x, mask)
        return masked(x, mask)

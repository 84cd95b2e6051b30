"""A transformer that says where noisy mel frames should move: one velocity for each frame and band.

Knows nothing of steps, codes or waveforms; cfm.py asks it again and again. Draws no random numbers. Reference: Peebles
2023 (DiT, AdaLN-zero), Chen 2024 (F5-TTS), Woo 2023 (ConvNeXt V2), Su 2021 (rotary positions), Frans 2024 (shortcut
models: the size of the step is an input too); INFERENCE.md §6. Rows are time-first here.
B batch, L frames, M mel bands, W feature width, C width, H heads. A mask is float (B, L, 1) or None: all are real.

    features (B, L, W) ─▶ text embedding ─┐
    prompt mel (B, L, M) ─────────────────┼─▶ entry ─▶ blocks × n ─▶ exit ─▶ velocity (B, L, M)
    noisy mel (B, L, M) ──────────────────┘              ▲           ▲
    time, step (B,) ─▶ embeddings, summed ──────── moment (B, C) ────┘
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.sovits.dims import FlowMatchingDims
from core_model.sovits.layers import masked

_BASE = 10_000.0  # of every table of frequencies here
_TIME_SCALE = 1000.0  # times and steps are 0 .. 1
_NORM_EPSILON = 1e-6


class Rotation(NamedTuple):
    """Cosines and sines by which pairs of channels are turned, each (L, d / 2) for heads of width d."""

    cos: Tensor
    sin: Tensor

    def turn(self, x: Tensor) -> Tensor:
        """(B, L, C) -> (B, L, C), neighbours turned as pairs.

        Upstream turns before it splits into heads, so that its table, made for one head, reaches the first head alone.
        Whoever mends that breaks every trained voice.
        """
        width = 2 * self.cos.shape[1]
        even, odd = x[..., :width].unflatten(-1, (-1, 2)).unbind(-1)  # (B, L, d / 2) each
        turned = torch.stack((even * self.cos - odd * self.sin, odd * self.cos + even * self.sin), -1)
        return torch.cat((turned.flatten(-2), x[..., width:]), -1)


class TimeEmbedding(nn.Module):
    """A number in 0 .. 1 to a vector: sines and cosines of it, and two layers."""

    def __init__(self, inner: int, width: int) -> None:
        super().__init__()
        self.inner = inner
        self.entry = nn.Linear(inner, width)
        self.projection = nn.Linear(width, width)

    def forward(self, time: Tensor) -> Tensor:
        """(B,) -> (B, C)."""
        half = self.inner // 2
        rates = torch.exp(torch.arange(half, device=time.device) * (-math.log(_BASE) / (half - 1)))
        phases = _TIME_SCALE * time[:, None] * rates  # (B, half)
        return self.projection(F.silu(self.entry(torch.cat((phases.sin(), phases.cos()), -1))))


class ResponseNorm(nn.Module):
    """Each channel weighed by its energy over time against the other channels' (GRN), added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 1, width))
        self.bias = nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, L, C) -> (B, L, C)."""
        energy = masked(x, mask).norm(dim=1, keepdim=True)  # (B, 1, C)
        share = energy / (energy.mean(-1, keepdim=True) + 1e-6)
        return self.weight * (x * share) + self.bias + x


class TextBlock(nn.Module):
    """ConvNeXt V2: a depthwise convolution over time, then a wide mix of channels, added to the input."""

    def __init__(self, width: int, inner: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width, eps=_NORM_EPSILON)
        self.expand = nn.Linear(width, inner)
        self.response_norm = ResponseNorm(inner)
        self.contract = nn.Linear(inner, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(B, L, W) -> (B, L, W)."""
        mixed = self.depthwise(masked(x, mask).transpose(1, 2)).transpose(1, 2)
        mixed = F.gelu(self.expand(self.norm(mixed)))
        return x + self.contract(self.response_norm(mixed, mask))


class TextEmbedding(nn.Module):
    """Features of each frame, with their place added, through a stack of blocks."""

    def __init__(self, dims: FlowMatchingDims) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            TextBlock(dims.features, dims.text_inner, dims.text_kernel) for _ in range(dims.text_layers)
        )

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """(B, L, W) -> (B, L, W)."""
        cos, sin = _angles(features.shape[1], inverse_frequencies(features.shape[2]).to(features.device))
        x = features + torch.cat((cos, sin), -1)
        for block in self.blocks:
            x = block(x, mask)
        return masked(x, mask)


class Entry(nn.Module):
    """Noisy mel, prompt and text side by side to the blocks' width; two convolutions tell each frame its place."""

    def __init__(self, dims: FlowMatchingDims) -> None:
        super().__init__()
        self.projection = nn.Linear(2 * dims.mel_bands + dims.features, dims.width)
        sizes = (dims.width, dims.width, dims.position_kernel)
        self.first = nn.Conv1d(*sizes, padding=dims.position_kernel // 2, groups=dims.position_groups)
        self.second = nn.Conv1d(*sizes, padding=dims.position_kernel // 2, groups=dims.position_groups)

    def forward(self, noisy: Tensor, prompt: Tensor, text: Tensor, mask: Tensor | None) -> Tensor:
        """(B, L, M), (B, L, M), (B, L, W) -> (B, L, C)."""
        x = self.projection(torch.cat((noisy, prompt, text), -1))
        place = F.mish(self.first(masked(x, mask).transpose(1, 2)))
        place = place if mask is None else place * mask.transpose(1, 2)
        return x + F.mish(self.second(place)).transpose(1, 2)


class Attention(nn.Module):
    """Every frame looks at every frame."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, rotation: Rotation, mask: Tensor | None) -> Tensor:
        """(B, L, C) -> (B, L, C)."""
        query, key = rotation.turn(self.query(x)), rotation.turn(self.key(x))
        seen = None if mask is None else (mask > 0).transpose(1, 2)[:, None]  # (B, 1, 1, L)
        mixed = F.scaled_dot_product_attention(
            self._split(query), self._split(key), self._split(self.value(x)), attn_mask=seen
        )
        return self.out(mixed.transpose(1, 2).reshape(x.shape))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, L, d)


class FeedForward(nn.Module):
    """Two layers with a GELU, in its tanh form, between them."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.expand = nn.Linear(width, inner)
        self.contract = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, C) -> (B, L, C)."""
        return self.contract(F.gelu(self.expand(x), approximate="tanh"))


class Block(nn.Module):
    """Attention, then feedforward; the moment shifts and scales what each reads and says how much of it is added."""

    def __init__(self, dims: FlowMatchingDims) -> None:
        super().__init__()
        self.modulation = nn.Linear(dims.width, 6 * dims.width)
        self.attention = Attention(dims.width, dims.heads)
        self.feedforward = FeedForward(dims.width, dims.feedforward)

    def forward(self, x: Tensor, moment: Tensor, rotation: Rotation, mask: Tensor | None) -> Tensor:
        """(B, L, C), (B, C) -> (B, L, C)."""
        parts = self.modulation(F.silu(moment))[:, None].chunk(6, -1)  # (B, 1, C) each
        shift, scale, gate, late_shift, late_scale, late_gate = parts
        x = x + gate * self.attention(_normed(x) * (1 + scale) + shift, rotation, mask)
        return x + late_gate * self.feedforward(_normed(x) * (1 + late_scale) + late_shift)


class DiT(nn.Module):
    """The whole transformer."""

    def __init__(self, dims: FlowMatchingDims) -> None:
        super().__init__()
        self.head_width = dims.width // dims.heads
        self.time_embedding = TimeEmbedding(dims.time_width, dims.width)
        self.step_embedding = TimeEmbedding(dims.time_width, dims.width)
        self.text_embedding = TextEmbedding(dims)
        self.entry = Entry(dims)
        # Kept because upstream's files hold it, never read: theirs is rounded to float16, 0.2 rad at frame 1000.
        self.register_buffer("inverse_frequencies", inverse_frequencies(self.head_width))
        self.blocks = nn.ModuleList(Block(dims) for _ in range(dims.layers))
        self.exit_modulation = nn.Linear(dims.width, 2 * dims.width)
        self.exit = nn.Linear(dims.width, dims.mel_bands)

    def embed_text(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, L, W) -> (B, L, W): the same for every step, so it is made once."""
        return self.text_embedding(features, mask)

    def moment(self, time: Tensor, step: Tensor) -> Tensor:
        """How far the noise has come, and how far it is to go at once, each (B,) -> (B, C)."""
        return self.time_embedding(time) + self.step_embedding(step)

    def forward(
        self, noisy: Tensor, prompt: Tensor, text: Tensor, moment: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Mels (B, L, M), embedded text (B, L, W), moment (B, C) -> velocity (B, L, M)."""
        x = self.entry(noisy, prompt, text, mask)
        table = inverse_frequencies(self.head_width).to(x.device)
        rotation = Rotation(*_angles(x.shape[1], table))
        for block in self.blocks:
            x = block(x, moment, rotation, mask)
        scale, shift = self.exit_modulation(F.silu(moment))[:, None].chunk(2, -1)  # in this order, unlike the blocks'
        return masked(self.exit(_normed(x) * (1 + scale) + shift), mask)


def inverse_frequencies(width: int) -> Tensor:
    """How fast each pair of channels turns, per frame: (width / 2,) float32."""
    return 1.0 / _BASE ** (torch.arange(0, width, 2, dtype=torch.float32) / width)


def _angles(frames: int, table: Tensor) -> tuple[Tensor, Tensor]:
    phases = torch.outer(torch.arange(frames, dtype=torch.float32, device=table.device), table)
    return phases.cos(), phases.sin()


def _normed(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=_NORM_EPSILON)

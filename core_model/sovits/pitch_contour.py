"""How high a voice is at every latent frame, read off the codes and the style: what a source-filter decoder hums.

Knows that a code's remainder by `levels` is a pitch level (core_model.alignment_codes), and nothing of what else a code
says. Levels are steps around a speaker's median, 25 a second and two semitones wide; the style says where the median
is, convolutions make a line of the steps. Never unvoiced: where nothing is hummed the decoder's filter is silent.
All of it is float64: a phase is a sum over all pitches before it, so what float32 rounds away on one machine and not on
another would be heard a second later (docs/decisions/0022). Hence also products and ReLU, which ONNX Runtime has in
float64, instead of its convolutions. Reference: Ren 2021 (FastSpeech 2, a predicted pitch). B batch, T codes, F frames,
S style, W width.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.sovits.layers import masked

_USUAL_HZ = 150.0  # between men and women: what an untrained contour says
_REACH = 2  # frames that a layer sees on either side
_LAYERS = 3


class PitchContour(nn.Module):
    """Codes in a style to the logarithm of a pitch in Hz."""

    def __init__(self, style: int, levels: int, width: int, frames_per_code: int) -> None:
        super().__init__()
        self.levels = levels
        self.frames_per_code = frames_per_code
        self.reach = _REACH
        self.usual_log_hz = math.log(_USUAL_HZ)
        self.embedding = nn.Embedding(levels, width)
        self.condition = nn.Linear(style, width)
        self.layers = nn.ModuleList(nn.Linear((2 * _REACH + 1) * width, width) for _ in range(_LAYERS))
        self.projection = nn.Linear(width, 1)

    def forward(self, codes: Tensor, style: Tensor, mask: Tensor | None) -> Tensor:
        """(B, T), (B, S, 1), mask (B, 1, F) -> natural log of Hz (B, 1, F), float64."""
        if torch.jit.is_scripting():
            return self._read(codes, style, mask)
        with torch.autocast(style.device.type, enabled=False):
            return self._read(codes, style, mask)

    def _read(self, codes: Tensor, style: Tensor, mask: Tensor | None) -> Tensor:
        steps = F.embedding(codes % self.levels, self.embedding.weight).double()  # (B, T, W)
        repeated = steps.unsqueeze(2).expand(-1, -1, self.frames_per_code, -1)
        x = repeated.reshape(steps.shape[0], steps.shape[1] * self.frames_per_code, steps.shape[2])
        x = x + _linear(style.double().transpose(1, 2), self.condition.weight, self.condition.bias)  # (B, F, W)
        for layer in self.layers:
            seen = F.pad(x if mask is None else masked(x, mask.transpose(1, 2)), (0, 0, self.reach, self.reach))
            around = torch.cat([seen[:, k : k + x.shape[1]] for k in range(2 * self.reach + 1)], 2)
            x = x + torch.relu(_linear(around, layer.weight, layer.bias))
        log_f0 = _linear(x, self.projection.weight, self.projection.bias) + self.usual_log_hz
        return masked(log_f0.transpose(1, 2), mask)


def stretched(contour: Tensor, frames: int) -> Tensor:
    """Linear interpolation of (B, 1, F) float64 to *frames*: text_encoder.stretch, which has float32 alone in ONNX."""
    place = torch.arange(frames, device=contour.device, dtype=contour.dtype) + 0.5
    place = (place * contour.shape[2] / frames - 0.5).clamp(0.0, contour.shape[2] - 1.0)
    before = torch.floor(place).long()
    after = (before + 1).clamp(max=contour.shape[2] - 1)
    share = place - before.to(contour.dtype)
    return contour[:, :, before] * (1 - share) + contour[:, :, after] * share


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A linear layer in float64, whatever its weights rest in."""
    return torch.matmul(x, weight.double().transpose(0, 1)) + bias.double()

"""Judges of waveforms for adversarial training: one on the samples, several on the samples folded by a period.

Knows nothing of the network it judges; never part of a voice that only speaks. Reference: Kong 2020 (HiFi-GAN),
shared/upstream/FORMAT.md §5. B batch, C channels, N samples.

    period p:  (B, 1, N) ─ pad to a multiple ─▶ (B, 1, N / p, p): convolutions run down the columns
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.sovits.layers import weight_norm

_SLOPE = 0.1


@dataclass(frozen=True, slots=True)
class DiscriminatorDims:
    """Sizes of all judges; the defaults are upstream's v1 and v2."""

    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    period_widths: tuple[int, ...] = (32, 128, 512, 1024, 1024)
    period_kernel: int = 5
    period_stride: int = 3  # of all layers but the last
    scale_widths: tuple[int, ...] = (16, 64, 256, 1024, 1024, 1024)
    scale_kernels: tuple[int, ...] = (15, 41, 41, 41, 41, 5)
    scale_strides: tuple[int, ...] = (1, 4, 4, 4, 4, 1)
    scale_groups: tuple[int, ...] = (1, 4, 16, 64, 256, 1)


V1_V2 = DiscriminatorDims()
V2_PRO = DiscriminatorDims(periods=(2, 3, 5, 7, 11, 17, 23))


class Judgement(NamedTuple):
    """One judge's opinion."""

    score: Tensor  # (B, places): towards 1 where it takes the sound for real
    features: list[Tensor]  # what each of its layers saw, the last being the score's


class ScaleJudge(nn.Module):
    """Grouped strided convolutions over the samples."""

    def __init__(self, dims: DiscriminatorDims) -> None:
        super().__init__()
        before = (1, *dims.scale_widths[:-1])
        sizes = zip(before, dims.scale_widths, dims.scale_kernels, dims.scale_strides, dims.scale_groups, strict=True)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv1d(into, out, kernel, stride, padding=kernel // 2, groups=groups))
            for into, out, kernel, stride, groups in sizes
        )
        self.exit = weight_norm(nn.Conv1d(dims.scale_widths[-1], 1, 3, padding=1))

    def forward(self, waveform: Tensor) -> Judgement:
        """(B, 1, N) -> Judgement."""
        features = []
        x = waveform
        for layer in self.layers:
            x = F.leaky_relu(layer(x), _SLOPE)
            features.append(x)
        x = self.exit(x)
        return Judgement(x.flatten(1), [*features, x])


class PeriodJudge(nn.Module):
    """Strided convolutions over every p-th sample."""

    def __init__(self, period: int, dims: DiscriminatorDims) -> None:
        super().__init__()
        self.period = period
        kernel, last = dims.period_kernel, len(dims.period_widths) - 1
        before = (1, *dims.period_widths[:-1])
        self.layers = nn.ModuleList(
            weight_norm(
                nn.Conv2d(into, out, (kernel, 1), (dims.period_stride if i < last else 1, 1), padding=(kernel // 2, 0))
            )
            for i, (into, out) in enumerate(zip(before, dims.period_widths, strict=True))
        )
        self.exit = weight_norm(nn.Conv2d(dims.period_widths[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, waveform: Tensor) -> Judgement:
        """(B, 1, N) -> Judgement."""
        x = F.pad(waveform, (0, -waveform.shape[2] % self.period), mode="reflect")
        x = x.reshape(x.shape[0], 1, -1, self.period)
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), _SLOPE)
            features.append(x)
        x = self.exit(x)
        return Judgement(x.flatten(1), [*features, x])


class MultiPeriodDiscriminator(nn.Module):
    """The scale judge, then one judge per period."""

    def __init__(self, dims: DiscriminatorDims = V1_V2) -> None:
        super().__init__()
        self.dims = dims
        self.judges = nn.ModuleList([ScaleJudge(dims), *(PeriodJudge(period, dims) for period in dims.periods)])

    def forward(self, waveform: Tensor) -> list[Judgement]:
        """(B, 1, N) -> one Judgement per judge."""
        return [judge(waveform) for judge in self.judges]

    def compare(self, real: Tensor, generated: Tensor) -> tuple[list[Judgement], list[Judgement]]:
        """Judgements of *real* and of *generated*, (B, 1, N) each; see `compare`."""
        return compare(self, real, generated)


def compare(
    judges: Callable[[Tensor], list[Judgement]], real: Tensor, generated: Tensor
) -> tuple[list[Judgement], list[Judgement]]:
    """Judgements of *real* and of *generated*, (B, 1, N) each, in one pass of *judges*: it costs less than two."""
    both = judges(torch.cat([real, generated]))
    halves = [
        (Judgement(judgement.score[: len(real)], [f[: len(real)] for f in judgement.features]),
         Judgement(judgement.score[len(real) :], [f[len(real) :] for f in judgement.features]))
        for judgement in both
    ]  # fmt: skip
    return [first for first, _ in halves], [second for _, second in halves]

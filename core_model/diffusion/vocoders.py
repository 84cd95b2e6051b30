"""Mel spectrogram to waveform: BigVGAN (v3) and HiFi-GAN without a style (v4).

Knows nothing of voices or text: mels in their natural logarithm come in, samples go out. Reference: Lee 2023 (BigVGAN;
version 2), Karras 2021 (filtered activations), Kong 2020 (HiFi-GAN); INFERENCE.md §6.
B batch, M mel bands, L frames, C channels, N samples.

    periodic activation:  x ─▶ twice the rate ─▶ x + sin²(a x) / b ─▶ half the rate    a, b of each channel
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.sovits.dims import BigVGANDims, HiFiGANDims
from core_model.sovits.generator import Stage, same_conv
from core_model.sovits.layers import weight_norm

_LAST_SLOPE = 0.01  # before the last convolution upstream leaves the slope at the library's default
_TAPS = 12  # of the filters round an activation
_SMALL = 1e-9


class HiFiGAN(nn.Module):
    """Transposed convolutions and residual blocks, as in the SoVITS decoder; the exit has a bias."""

    def __init__(self, mel_bands: int, dims: HiFiGANDims) -> None:
        super().__init__()
        self.entry = nn.Conv1d(mel_bands, dims.width, 7, padding=3)
        steps = zip(dims.rates, dims.kernels, strict=True)
        self.stages = nn.ModuleList(
            Stage(dims.width >> i, rate, kernel, dims) for i, (rate, kernel) in enumerate(steps)
        )
        self.exit = nn.Conv1d(dims.width >> len(dims.rates), 1, 7, padding=3)

    def forward(self, mel: Tensor) -> Tensor:
        """(B, M, L) -> (B, 1, N) in -1 .. 1."""
        x = self.entry(mel)
        for stage in self.stages:
            x = stage(x)
        return torch.tanh(self.exit(F.leaky_relu(x, _LAST_SLOPE)))


class PeriodicActivation(nn.Module):
    """Adds a squared sine to each channel, at twice the rate so that its overtones do not fold back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_frequency = nn.Parameter(torch.zeros(channels))
        self.log_height = nn.Parameter(torch.zeros(channels))
        taps = torch.from_numpy(low_pass_filter())[None, None]
        self.register_buffer("up_filter", taps.clone())  # (1, 1, taps), the same everywhere; upstream's files hold them
        self.register_buffer("down_filter", taps.clone())

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        fast = self._up(x)
        frequency, height = self.log_frequency.exp()[:, None], self.log_height.exp()[:, None]
        fast = fast + torch.sin(fast * frequency).square() / (height + _SMALL)
        return self._down(fast)

    def _up(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, 2T): the edges repeated, so that they do not ring."""
        channels, reach = x.shape[1], _TAPS // 2 - 1
        taps = 2 * self.up_filter.expand(channels, -1, -1)
        fast = F.conv_transpose1d(F.pad(x, (reach, reach), mode="replicate"), taps, stride=2, groups=channels)
        cut = 2 * reach + (_TAPS - 2) // 2
        return fast[:, :, cut:-cut]

    def _down(self, x: Tensor) -> Tensor:
        """(B, C, 2T) -> (B, C, T)."""
        channels = x.shape[1]
        padded = F.pad(x, (_TAPS // 2 - 1, _TAPS // 2), mode="replicate")
        return F.conv1d(padded, self.down_filter.expand(channels, -1, -1), stride=2, groups=channels)


class PeriodicBlock(nn.Module):
    """Pairs of convolutions, the first of each dilated, a periodic activation before each; pairs are added up."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.before_dilated = nn.ModuleList(PeriodicActivation(channels) for _ in dilations)
        self.dilated = nn.ModuleList(same_conv(channels, kernel, dilation) for dilation in dilations)
        self.before_plain = nn.ModuleList(PeriodicActivation(channels) for _ in dilations)
        self.plain = nn.ModuleList(same_conv(channels, kernel, 1) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        pairs = zip(self.before_dilated, self.dilated, self.before_plain, self.plain, strict=True)
        for before_dilated, dilated, before_plain, plain in pairs:
            x = x + plain(before_plain(dilated(before_dilated(x))))
        return x


class PeriodicStage(nn.Module):
    """One upsampling step: a transposed convolution, then the mean of its residual blocks."""

    def __init__(self, channels: int, rate: int, kernel: int, dims: BigVGANDims) -> None:
        super().__init__()
        out = channels // 2
        self.up = weight_norm(nn.ConvTranspose1d(channels, out, kernel, rate, padding=(kernel - rate) // 2))
        self.blocks = nn.ModuleList(
            PeriodicBlock(out, size, dilations)
            for size, dilations in zip(dims.resblock_kernels, dims.resblock_dilations, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C / 2, rate * T)."""
        x = self.up(x)
        total = torch.zeros_like(x)
        for block in self.blocks:
            total = total + block(x)
        return total / len(self.blocks)


class BigVGAN(nn.Module):
    """Like HiFi-GAN, with periodic activations; its last activation is cut off at full scale, not squeezed."""

    def __init__(self, mel_bands: int, dims: BigVGANDims) -> None:
        super().__init__()
        last = dims.width >> len(dims.rates)
        self.entry = weight_norm(nn.Conv1d(mel_bands, dims.width, 7, padding=3))
        steps = zip(dims.rates, dims.kernels, strict=True)
        self.stages = nn.ModuleList(
            PeriodicStage(dims.width >> i, rate, kernel, dims) for i, (rate, kernel) in enumerate(steps)
        )
        self.activation = PeriodicActivation(last)
        self.exit = weight_norm(nn.Conv1d(last, 1, 7, padding=3, bias=False))

    def forward(self, mel: Tensor) -> Tensor:
        """(B, M, L) -> (B, 1, N) in -1 .. 1."""
        x = self.entry(mel)
        for stage in self.stages:
            x = stage(x)
        return torch.clamp(self.exit(self.activation(x)), -1.0, 1.0)


Vocoder = BigVGAN | HiFiGAN


def build(mel_bands: int, dims: BigVGANDims | HiFiGANDims) -> Vocoder:
    """The vocoder of these dims, weight norm unfolded."""
    return BigVGAN(mel_bands, dims) if isinstance(dims, BigVGANDims) else HiFiGAN(mel_bands, dims)


def low_pass_filter(cutoff: float = 0.25, half_width: float = 0.3, taps: int = _TAPS) -> np.ndarray:
    """A sinc under Kaiser's window, of unit sum: (taps,) float32, taps even.

    *cutoff* and *half_width* (of the transition) in cycles a sample; the defaults let the lower half through. The
    window's shape follows from the attenuation that so many taps can reach (Kaiser 1974).
    """
    attenuation = 2.285 * (taps / 2 - 1) * math.pi * 4 * half_width + 7.95  # dB
    if attenuation > 50.0:
        beta = 0.1102 * (attenuation - 8.7)
    elif attenuation >= 21.0:
        beta = 0.5842 * (attenuation - 21.0) ** 0.4 + 0.07886 * (attenuation - 21.0)
    else:
        beta = 0.0
    place = np.arange(taps) - taps / 2 + 0.5
    response = np.kaiser(taps, beta) * np.sinc(2 * cutoff * place)
    return (response / response.sum()).astype(np.float32)

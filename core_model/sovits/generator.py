"""Latent frames to a waveform by transposed convolutions and residual blocks: HiFi-GAN, conditioned on a style.

Knows nothing of text; its sibling spectral_generator.py does the same by inverse STFT. Reference: Kong 2020;
INFERENCE.md §5.5. B batch, F frames, S style, N samples.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core_model.sovits.dims import HiFiGANDims
from core_model.sovits.layers import weight_norm

_SLOPE = 0.1
_LAST_SLOPE = 0.01  # before the last convolution upstream leaves the slope at the library's default


class ResidualBlock(nn.Module):
    """Pairs of convolutions, the first of each dilated, each pair added to its input."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.dilated = nn.ModuleList(same_conv(channels, kernel, dilation) for dilation in dilations)
        self.activation = nn.LeakyReLU(_SLOPE)
        self.plain = nn.ModuleList(same_conv(channels, kernel, 1) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        for dilated, plain in zip(self.dilated, self.plain):  # noqa: B905  TorchScript knows no strict=
            x = x + plain(self.activation(dilated(self.activation(x))))
        return x


class Stage(nn.Module):
    """One upsampling step: a transposed convolution, then the mean of its residual blocks."""

    def __init__(self, channels: int, rate: int, kernel: int, dims: HiFiGANDims) -> None:
        super().__init__()
        out = channels // 2
        self.activation = nn.LeakyReLU(_SLOPE)
        self.up = weight_norm(nn.ConvTranspose1d(channels, out, kernel, rate, padding=(kernel - rate) // 2))
        self.blocks = nn.ModuleList(
            ResidualBlock(out, size, dilations)
            for size, dilations in zip(dims.resblock_kernels, dims.resblock_dilations, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C / 2, rate * T)."""
        x = self.up(self.activation(x))
        total = torch.zeros_like(x)
        for block in self.blocks:
            total = total + block(x)
        return total / len(self.blocks)


class Generator(nn.Module):
    """HiFi-GAN: the product of the rates is the number of samples per frame."""

    def __init__(self, latent: int, style: int, dims: HiFiGANDims) -> None:
        super().__init__()
        self.entry = nn.Conv1d(latent, dims.width, 7, padding=3)
        self.condition = nn.Conv1d(style, dims.width, 1)
        steps = zip(dims.rates, dims.kernels, strict=True)
        self.stages = nn.ModuleList(
            Stage(dims.width >> i, rate, kernel, dims) for i, (rate, kernel) in enumerate(steps)
        )
        self.activation = nn.LeakyReLU(_LAST_SLOPE)
        self.exit = nn.Conv1d(dims.width >> len(dims.rates), 1, 7, padding=3, bias=False)

    def forward(self, z: Tensor, style: Tensor) -> Tensor:
        """(B, latent, F), (B, S, 1) -> (B, 1, N) in -1 .. 1."""
        x = self.entry(z) + self.condition(style)
        for stage in self.stages:
            x = stage(x)
        return torch.tanh(self.exit(self.activation(x)))

    def initialise(self) -> None:
        """Small normal weights for everything that upsamples, as the paper's authors do."""
        for name, parameter in self.stages.named_parameters():
            if name.endswith("original1"):
                nn.init.normal_(parameter, std=0.01)
        for name, parameter in self.stages.named_parameters():
            if name.endswith("original0"):
                direction = self.stages.get_parameter(name[: -len("0")] + "1")
                parameter.data = direction.detach().flatten(1).norm(dim=1).reshape(parameter.shape)


def same_conv(channels: int, kernel: int, dilation: int) -> nn.Module:
    """A weight-normed convolution that keeps the number of frames."""
    padding = dilation * (kernel - 1) // 2
    return weight_norm(nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=padding))

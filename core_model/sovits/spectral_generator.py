"""Latent frames to a waveform by predicting magnitudes and phases and inverting them: cheap on a CPU.

Knows nothing of text; its sibling generator.py does the same by transposed convolutions. The inverse transform is a
product with a fixed table and R = fft / hop shifted sums, so that TorchScript and ONNX (opset 17) can hold it.
Reference: Siuzdak 2023 (Vocos), Liu 2022 (ConvNeXt). B batch, F latent frames, G = F * (latent hop / hop) spectral
frames, W width, N = G * hop samples.

    frame 0  |--hop--|--hop--|--hop--|--hop--|                 each frame is cut into R pieces; piece k of frame g
    frame 1          |--hop--|--hop--|--hop--|--hop--|         is added at slot g + k
    output   ···(fft - hop) / 2 cut···|── G * hop samples ──|···(fft - hop) / 2 cut···
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.sovits.dims import ISTFTDims

_LARGEST_LOG_MAGNITUDE = math.log(100.0)  # an untrained head must not overflow; speech stays far below


class InverseSTFT(nn.Module):
    """Real and imaginary parts to samples, periodic Hann window, every sample divided by its window overlap."""

    def __init__(self, fft: int, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.pieces = fft // hop
        self.trim = (fft - hop) // 2
        # Constants: on the CPU also where a network is built without memory and takes its parameters from a file.
        window = torch.hann_window(fft, periodic=True, dtype=torch.float64, device="cpu")
        identity = torch.eye(fft // 2 + 1, dtype=torch.complex128, device="cpu")
        basis = torch.fft.irfft(identity, n=fft, dim=1)
        imaginary = torch.fft.irfft(1j * identity, n=fft, dim=1)
        table = torch.cat([basis, imaginary]) * window  # (2 * bins, fft)
        self.register_buffer("table", table.float(), persistent=False)
        self.register_buffer("overlap", (window**2).float()[None, None], persistent=False)  # (1, 1, fft)

    def forward(self, real: Tensor, imaginary: Tensor) -> Tensor:
        """Two (B, G, bins) -> (B, 1, G * hop)."""
        frames = torch.matmul(torch.cat([real, imaginary], 2), self.table)  # (B, G, fft)
        overlap = self._add(self.overlap.expand(1, frames.shape[1], -1))
        return self._add(frames) / overlap

    def _add(self, frames: Tensor) -> Tensor:
        """(B, G, fft) -> (B, 1, G * hop): shifted sums, both ends cut."""
        pieces = frames.reshape(frames.shape[0], frames.shape[1], self.pieces, self.hop)
        total = F.pad(pieces[:, :, 0], (0, 0, 0, self.pieces - 1))  # (B, G + R - 1, hop)
        for k in range(1, self.pieces):
            total = total + F.pad(pieces[:, :, k], (0, 0, k, self.pieces - 1 - k))
        samples = total.reshape(frames.shape[0], 1, -1)
        return samples[:, :, self.trim : samples.shape[2] - self.trim]


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over time, then a wide mix of channels, scaled and added to the input."""

    def __init__(self, width: int, inner: int, scale: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.expand = nn.Linear(width, inner)
        self.contract = nn.Linear(inner, width)
        self.scale = nn.Parameter(torch.full((width,), scale))

    def forward(self, x: Tensor) -> Tensor:
        """(B, W, G) -> (B, W, G)."""
        mixed = self.contract(F.gelu(self.expand(self.norm(self.depthwise(x).transpose(1, 2)))))
        return x + (self.scale * mixed).transpose(1, 2)


class SpectralGenerator(nn.Module):
    """Vocos: ConvNeXt blocks at the rate of the spectral frames, and an inverse STFT."""

    def __init__(self, latent: int, style: int, latent_hop: int, dims: ISTFTDims) -> None:
        super().__init__()
        self.width = dims.width
        self.upsampling = latent_hop // dims.hop
        self.entry = nn.Conv1d(latent, dims.width * self.upsampling, 7, padding=3)
        self.condition = nn.Conv1d(style, dims.width, 1)
        self.entry_norm = nn.LayerNorm(dims.width, eps=1e-6)
        inner = dims.width * dims.expansion
        self.blocks = nn.ModuleList(ConvNeXtBlock(dims.width, inner, 1 / dims.blocks) for _ in range(dims.blocks))
        self.exit_norm = nn.LayerNorm(dims.width, eps=1e-6)
        self.head = nn.Linear(dims.width, dims.fft + 2)
        self.largest_log_magnitude = _LARGEST_LOG_MAGNITUDE
        self.inverse = InverseSTFT(dims.fft, dims.hop)

    def forward(self, z: Tensor, style: Tensor) -> Tensor:
        """(B, latent, F), (B, S, 1) -> (B, 1, N)."""
        entered = self.entry(z)  # (B, W * up, F): one set of filters for each spectral frame of a latent frame
        entered = entered.reshape(z.shape[0], self.width, self.upsampling, z.shape[2]).transpose(2, 3)
        x = entered.reshape(z.shape[0], self.width, z.shape[2] * self.upsampling) + self.condition(style)
        x = self.entry_norm(x.transpose(1, 2)).transpose(1, 2)  # (B, W, G)
        for block in self.blocks:
            x = block(x)
        hidden = self.exit_norm(x.transpose(1, 2))  # (B, G, W)
        if torch.jit.is_scripting():
            return self._waveform(hidden)
        # in bfloat16 a phase is good to 0.01 rad at best: the head and the inverse stay in float32
        with torch.autocast(hidden.device.type, enabled=False):
            return self._waveform(hidden.to(self.head.weight.dtype))

    def _waveform(self, hidden: Tensor) -> Tensor:
        log_magnitude, phase = self.head(hidden).chunk(2, 2)  # (B, G, bins) each
        magnitude = torch.exp(log_magnitude.clamp(max=self.largest_log_magnitude))
        return self.inverse(magnitude * torch.cos(phase), magnitude * torch.sin(phase))

    def initialise(self) -> None:
        """Small truncated-normal weights and no biases, as the paper's authors do."""
        for layer in self.modules():
            if isinstance(layer, (nn.Conv1d, nn.Linear)):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

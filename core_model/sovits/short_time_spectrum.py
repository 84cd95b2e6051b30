"""Samples to short-time spectra and back, in a form that TorchScript and ONNX (opset 17) can hold.

Knows nothing of speech or of who predicts a spectrum. Each way is a product with a fixed table, and R = fft / hop
shifted pieces; the window is Hann's, periodic. Reference: Griffin & Lim 1984 (the inverse is least squares). B batch,
G frames, N = G * hop samples.

    frame 0  |--hop--|--hop--|--hop--|--hop--|                 each frame is cut into R pieces; piece k of frame g
    frame 1          |--hop--|--hop--|--hop--|--hop--|         is added at slot g + k
    output   ···(fft - hop) / 2 cut···|── G * hop samples ──|···(fft - hop) / 2 cut···
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ForwardSTFT(nn.Module):
    """Samples to real and imaginary parts, periodic Hann window; InverseSTFT takes them back."""

    def __init__(self, fft: int, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.pieces = fft // hop
        self.trim = (fft - hop) // 2
        window = torch.hann_window(fft, periodic=True, dtype=torch.float64, device="cpu")
        spectrum = torch.fft.rfft(torch.diag(window), dim=1)  # (fft, bins)
        self.register_buffer("table", torch.cat([spectrum.real, spectrum.imag], 1).float(), persistent=False)

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """(B, G * hop) -> two of (B, G, bins)."""
        frames = samples.shape[1] // self.hop
        padded = F.pad(samples, (self.trim, self.trim)).reshape(samples.shape[0], -1, self.hop)
        pieces = [padded[:, k : k + frames] for k in range(self.pieces)]
        real, imaginary = torch.matmul(torch.cat(pieces, 2), self.table).chunk(2, 2)
        return real, imaginary


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

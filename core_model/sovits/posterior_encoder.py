"""A linear spectrogram to the latent frames it was made of: present in training only.

Knows nothing of text. The noise is an argument: this module draws nothing. Reference: Kim 2021 (VITS, posterior).
B batch, F frames, S style.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core_model.sovits.dims import SoVITSDims
from core_model.sovits.layers import WaveNet, masked


class PosteriorEncoder(nn.Module):
    """q(z | spectrogram, style), a diagonal Gaussian per frame."""

    def __init__(self, dims: SoVITSDims) -> None:
        super().__init__()
        self.entry = nn.Conv1d(dims.spectrogram_bins, dims.hidden, 1)
        self.wavenet = WaveNet(dims.hidden, dims.posterior_kernel, dims.posterior_layers, dims.style)
        self.projection = nn.Conv1d(dims.hidden, 2 * dims.latent, 1)

    def forward(
        self, linear_spectrogram: Tensor, style: Tensor, noise: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(B, bins, F), (B, S, 1), standard normal (B, latent, F) -> z, mean, log_scale, each (B, latent, F)."""
        hidden = self.wavenet(masked(self.entry(linear_spectrogram), mask), style, mask)
        mean, log_scale = masked(self.projection(hidden), mask).chunk(2, 1)
        return masked(mean + noise * torch.exp(log_scale), mask), mean, log_scale

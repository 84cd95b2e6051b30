"""Latent frames to a waveform by predicting magnitudes and phases and inverting them: cheap on a CPU.

Knows nothing of text; its sibling generator.py does the same by transposed convolutions. Every voice of version 1.0
that grew from the embedded base has it. Reference: Siuzdak 2023 (Vocos). B batch, F latent frames, G spectral frames,
S style, N samples.

    z, style ─▶ convnext.py ─▶ hidden (B, G, W) ─▶ log magnitudes and phases ─▶ short_time_spectrum.py ─▶ (B, 1, N)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from core_model.sovits.convnext import ConvNeXtDecoder
from core_model.sovits.dims import ISTFTDims
from core_model.sovits.short_time_spectrum import InverseSTFT

_LARGEST_LOG_MAGNITUDE = math.log(100.0)  # an untrained head must not overflow; speech stays far below


class SpectralGenerator(ConvNeXtDecoder):
    """Vocos: ConvNeXt blocks at the rate of the spectral frames, and an inverse STFT."""

    def __init__(self, latent: int, style: int, latent_hop: int, dims: ISTFTDims) -> None:
        super().__init__(latent, style, latent_hop, dims, predicted=dims.fft + 2)
        self.largest_log_magnitude = _LARGEST_LOG_MAGNITUDE
        self.inverse = InverseSTFT(dims.fft, dims.hop)

    def forward(self, z: Tensor, style: Tensor) -> Tensor:
        """(B, latent, F), (B, S, 1) -> (B, 1, N)."""
        hidden = self.hidden(z, style)
        if torch.jit.is_scripting():
            return self._waveform(hidden)
        # in bfloat16 a phase is good to 0.01 rad at best: the head and the inverse stay in float32
        with torch.autocast(hidden.device.type, enabled=False):
            return self._waveform(hidden.to(self.head.weight.dtype))

    def _waveform(self, hidden: Tensor) -> Tensor:
        log_magnitude, phase = self.head(hidden).chunk(2, 2)  # (B, G, bins) each
        magnitude = torch.exp(log_magnitude.clamp(max=self.largest_log_magnitude))
        return self.inverse(magnitude * torch.cos(phase), magnitude * torch.sin(phase))

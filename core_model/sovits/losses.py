"""What SoVITS training minimises: least-squares adversarial terms, feature matching, KL and mel distance.

Knows nothing of networks or of loops; weights of the terms belong to the loop. The mel filters are an argument
(core_model.features makes them). Reference: Mao 2017 (LSGAN), Larsen 2016 (feature matching), Kim 2021 (KL),
INFERENCE.md §8. B batch, F frames, N samples. All arithmetic is float32, whatever autocast says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.sovits.discriminator import Judgement


def discriminator_loss(real: Sequence[Judgement], generated: Sequence[Judgement]) -> Tensor:
    """Sum over judges of mean((1 - D(real))^2) + mean(D(generated)^2); *generated* must be detached."""
    terms = [
        (1 - r.score.float()).square().mean() + g.score.float().square().mean()
        for r, g in zip(real, generated, strict=True)
    ]
    return torch.stack(terms).sum()


def adversarial_loss(generated: Sequence[Judgement]) -> Tensor:
    """Sum over judges of mean((1 - D(generated))^2)."""
    return torch.stack([(1 - g.score.float()).square().mean() for g in generated]).sum()


def feature_matching_loss(real: Sequence[Judgement], generated: Sequence[Judgement]) -> Tensor:
    """Twice the sum, over judges and layers, of the mean absolute difference; no gradient flows into *real*."""
    terms = [
        (seen.detach().float() - made.float()).abs().mean()
        for r, g in zip(real, generated, strict=True)
        for seen, made in zip(r.features, g.features, strict=True)
    ]
    return 2 * torch.stack(terms).sum()


def kl_loss(z_p: Tensor, posterior_log_scale: Tensor, mean: Tensor, log_scale: Tensor, mask: Tensor) -> Tensor:
    """KL from posterior to prior at the sample z_p, per real frame; all (B, latent, F), mask (B, 1, F)."""
    z_p, mean, log_scale = z_p.float(), mean.float(), log_scale.float()
    divergence = log_scale - posterior_log_scale.float() - 0.5
    divergence = divergence + 0.5 * (z_p - mean).square() * torch.exp(-2 * log_scale)
    return (divergence * mask).sum() / mask.sum()


def pitch_losses(log_f0: Tensor, f0: Tensor) -> Tensor:
    """Of each row, the mean absolute difference of natural logs where f0 (B, 1, F), in Hz, is above 0: (B,).

    0 where nothing is voiced. A row counts the same, however much of it is voiced.
    """
    voiced = (f0 > 0).float()
    apart = (log_f0.float() - torch.log(f0.float().clamp(min=1.0))).abs() * voiced
    return apart.sum((1, 2)) / voiced.sum((1, 2)).clamp(min=1.0)


@dataclass(frozen=True, slots=True)
class MelResolution:
    """One way of looking at a waveform."""

    fft: int
    hop: int
    filters: np.ndarray = field(repr=False)  # (mels, fft / 2 + 1)


class MelLoss(nn.Module):
    """Mean absolute difference of log mel spectrograms, averaged over resolutions."""

    def __init__(self, resolutions: Sequence[MelResolution]) -> None:
        super().__init__()
        self.sizes = tuple((resolution.fft, resolution.hop) for resolution in resolutions)
        for index, resolution in enumerate(resolutions):
            filters = torch.from_numpy(np.ascontiguousarray(resolution.filters, dtype=np.float32))
            self.register_buffer(f"filters_{index}", filters, persistent=False)
            window = torch.hann_window(resolution.fft, periodic=True)
            self.register_buffer(f"window_{index}", window, persistent=False)

    def forward(self, real: Tensor, generated: Tensor) -> Tensor:
        """Two waveforms (B, 1, N) -> scalar. N must exceed half the largest window (reflected padding)."""
        pairs = zip(self.spectrograms(real), self.spectrograms(generated), strict=True)
        return torch.stack([F.l1_loss(made, seen) for seen, made in pairs]).mean()

    def spectrograms(self, waveform: Tensor) -> list[Tensor]:
        """(B, 1, N) -> natural-log mel spectrograms (B, mels, frames), one per resolution."""
        with torch.autocast(waveform.device.type, enabled=False):
            samples = waveform.float().squeeze(1)
            return [self._log_mel(samples, index) for index in range(len(self.sizes))]

    def _log_mel(self, samples: Tensor, index: int) -> Tensor:
        fft, hop = self.sizes[index]
        padded = F.pad(samples[:, None], ((fft - hop) // 2, (fft - hop) // 2), mode="reflect")[:, 0]
        window = self.get_buffer(f"window_{index}")
        spectrum = torch.stft(padded, fft, hop, window=window, center=False, return_complex=True)
        magnitude = torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-8)
        return torch.log(torch.clamp(torch.matmul(self.get_buffer(f"filters_{index}"), magnitude), min=1e-5))

"""Latent frames and a pitch to a waveform: pulses and noise, each through a filter that the network predicts.

Knows nothing of text, and draws nothing: the noise is an argument. A network need not learn what a vibrating larynx
does to a spectrum, only the envelope over it, so two minutes of a core taught it words that an hour had not taught its
sibling spectral_generator.py (docs/decisions/0022). Reference: Liu 2020 (neural homomorphic vocoder).
B batch, F latent frames, G = F * up spectral frames, M bands, K = fft / 2 + 1 bins, N = F * latent hop samples.

    f0 (B, 1, F) ─▶ pulses (B, N) ──STFT──▶ (B, G, K) ── · exp(log magnitude + i · least phase) ──┐
    z, style ─▶ convnext ─▶ 2 log envelopes (B, G, M) ──┤                                         +──▶ inverse STFT
    noise (B, hop, F) ─▶ samples (B, N) ──STFT──▶ (B, G, K) ────────── · exp(log magnitude) ──────┘
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from core_model.sovits.convnext import ConvNeXtDecoder
from core_model.sovits.dims import SourceFilterDims
from core_model.sovits.short_time_spectrum import ForwardSTFT, InverseSTFT

_LARGEST_LOG_MAGNITUDE = math.log(100.0)  # an untrained head must not overflow; speech stays far below
_LEAST_LOG_MAGNITUDE = -12.0


def pulses(f0: Tensor, hop: int, sample_rate: int) -> Tensor:
    """Pitch in Hz (B, 1, F) float64 -> (B, N) float32: harmonics of equal power, variance 1.

    In float64, because a phase is the sum of all pitches before it (pitch_contour.py). An untrained contour may say
    anything: what nobody can hum is taken for the nearest pitch that can be.
    """
    least, highest = 10.0, 0.95 * 0.5 * sample_rate  # Hz; harmonics above the highest are left out
    hertz = _between_frames(f0[:, 0].clamp(least, highest), hop)
    cycles = torch.cumsum(hertz / sample_rate, dim=1)
    half = math.pi * (cycles - torch.floor(cycles) - 0.5)  # half the phase, in -pi/2 .. pi/2
    count = torch.floor(highest / hertz)
    # Dirichlet's kernel is the sum of cos(k phase) over k = 1 .. count; where the phase is 0, so is its denominator.
    small = torch.abs(half) < 1e-6
    safe = torch.where(small, torch.full_like(half, 1e-6), half)
    kernel = 0.5 * (torch.sin((2 * count + 1) * safe) / torch.sin(safe) - 1)
    return (torch.where(small, count, kernel) / torch.sqrt(0.5 * count)).float()


def _between_frames(x: Tensor, hop: int) -> Tensor:
    """(B, F) -> (B, F * hop), straight lines between the frames' centres, flat at both ends.

    What F.interpolate does; written out, because ONNX Runtime's does not take float64.
    """
    place = (torch.arange(hop, dtype=x.dtype, device=x.device) + 0.5) / hop - 0.5  # in frames, from the centre
    before = torch.cat([x[:, :1], x[:, :-1]], 1).unsqueeze(2)
    after = torch.cat([x[:, 1:], x[:, -1:]], 1).unsqueeze(2)
    here = x.unsqueeze(2)
    line = here + (after - here) * place.clamp(min=0) + (before - here) * (-place).clamp(min=0)
    return line.reshape(x.shape[0], -1)


def envelope_table(bands: int, bins: int, sample_rate: int) -> Tensor:
    """(M, K): how much of each band's log magnitude every bin takes; bands are evenly spaced in mel."""
    highest = 2595 * math.log10(1 + 0.5 * sample_rate / 700)
    hertz = torch.linspace(0, 0.5 * sample_rate, bins, dtype=torch.float64, device="cpu")
    place = 2595 * torch.log10(1 + hertz / 700) / highest * (bands - 1)
    distance = (place[None] - torch.arange(bands, dtype=torch.float64, device="cpu")[:, None]).abs()
    return (1 - distance).clamp(min=0)


def least_phase_table(bins: int) -> Tensor:
    """(K, K): log magnitudes to the phase of the causal filter that has them (Oppenheim & Schafer 1975, ch. 10)."""
    fft = 2 * (bins - 1)
    cepstra = torch.fft.irfft(torch.eye(bins, dtype=torch.complex128, device="cpu"), n=fft, dim=1)  # (K, fft)
    fold = torch.zeros(fft, dtype=torch.float64, device="cpu")
    fold[1 : bins - 1] = 2.0
    fold[0] = fold[bins - 1] = 1.0
    return torch.fft.rfft(cepstra * fold, dim=1).imag


class SourceFilter(ConvNeXtDecoder):
    """ConvNeXt blocks that predict two filters, and the pulses and the noise that pass through them."""

    def __init__(self, latent: int, style: int, latent_hop: int, sample_rate: int, dims: SourceFilterDims) -> None:
        super().__init__(latent, style, latent_hop, dims, predicted=2 * dims.bands)
        self.hop = latent_hop
        self.sample_rate = sample_rate
        self.least_log_magnitude, self.largest_log_magnitude = _LEAST_LOG_MAGNITUDE, _LARGEST_LOG_MAGNITUDE
        bins = dims.fft // 2 + 1
        envelope = envelope_table(dims.bands, bins, sample_rate)
        self.register_buffer("envelope", envelope.float(), persistent=False)
        self.register_buffer("phase", (envelope @ least_phase_table(bins)).float(), persistent=False)
        self.forward_stft = ForwardSTFT(dims.fft, dims.hop)
        self.inverse = InverseSTFT(dims.fft, dims.hop)

    def forward(self, z: Tensor, style: Tensor, f0: Tensor, noise: Tensor) -> Tensor:
        """(B, latent, F), (B, S, 1), float64 Hz (B, 1, F) above 0, standard normal (B, latent hop, F) -> (B, 1, N)."""
        hidden = self.hidden(z, style)
        if torch.jit.is_scripting():
            return self._waveform(hidden, f0, noise)
        with torch.autocast(hidden.device.type, enabled=False):  # as in spectral_generator.py
            dtype = self.head.weight.dtype
            return self._waveform(hidden.to(dtype), f0, noise.to(dtype))

    def _waveform(self, hidden: Tensor, f0: Tensor, noise: Tensor) -> Tensor:
        said = self.head(hidden).clamp(self.least_log_magnitude, self.largest_log_magnitude)
        voiced, breathed = said.chunk(2, 2)  # (B, G, M)
        magnitude, phase = torch.exp(torch.matmul(voiced, self.envelope)), torch.matmul(voiced, self.phase)
        real, imaginary = magnitude * torch.cos(phase), magnitude * torch.sin(phase)
        pulse_real, pulse_imaginary = self.forward_stft(pulses(f0, self.hop, self.sample_rate).to(hidden.dtype))
        samples = noise.transpose(1, 2).reshape(noise.shape[0], -1)
        noise_real, noise_imaginary = self.forward_stft(samples)
        breath = torch.exp(torch.matmul(breathed, self.envelope))
        return self.inverse(
            pulse_real * real - pulse_imaginary * imaginary + noise_real * breath,
            pulse_real * imaginary + pulse_imaginary * real + noise_imaginary * breath,
        )

    def initialise(self) -> None:
        """As the blocks are, and a head that begins quietly."""
        super().initialise()
        nn.init.constant_(self.head.bias, -4.0)

"""Latent frames and a pitch to a waveform: pulses and noise, each through a filter that the network predicts.

Knows nothing of text, and draws nothing: the noise is an argument. A network need not learn what a vibrating larynx
does to a spectrum, only the envelope over it, so an hour of CPU teaches it words that its sibling spectral_generator.py
does not learn in ten (docs/decisions/0022). Reference: Liu 2020 (neural homomorphic vocoder), Siuzdak 2023 (the trunk).
B batch, F latent frames, G = F * up spectral frames, M bands, K = fft / 2 + 1 bins, N = F * latent hop samples.

    f0 (B, 1, F) ─▶ pulses (B, N) ──STFT──▶ (B, G, K) ── · exp(log magnitude + i · least phase) ──┐
    z, style ─▶ ConvNeXt ─▶ 2 log envelopes (B, G, M) ──┤                                         +──▶ inverse STFT
    noise (B, hop, F) ─▶ samples (B, N) ──STFT──▶ (B, G, K) ────────── · exp(log magnitude) ──────┘
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.sovits.dims import SourceFilterDims
from core_model.sovits.spectral_generator import ConvNeXtBlock, InverseSTFT

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


class SourceFilter(nn.Module):
    """ConvNeXt blocks that predict two filters, and the pulses and the noise that pass through them."""

    def __init__(self, latent: int, style: int, latent_hop: int, sample_rate: int, dims: SourceFilterDims) -> None:
        super().__init__()
        self.width = dims.width
        self.hop = latent_hop
        self.sample_rate = sample_rate
        self.upsampling = latent_hop // dims.hop
        self.entry = nn.Conv1d(latent, dims.width * self.upsampling, 7, padding=3)
        self.condition = nn.Conv1d(style, dims.width, 1)
        self.entry_norm = nn.LayerNorm(dims.width, eps=1e-6)
        inner = dims.width * dims.expansion
        self.blocks = nn.ModuleList(ConvNeXtBlock(dims.width, inner, 1 / dims.blocks) for _ in range(dims.blocks))
        self.exit_norm = nn.LayerNorm(dims.width, eps=1e-6)
        self.head = nn.Linear(dims.width, 2 * dims.bands)
        self.least_log_magnitude, self.largest_log_magnitude = _LEAST_LOG_MAGNITUDE, _LARGEST_LOG_MAGNITUDE
        bins = dims.fft // 2 + 1
        envelope = envelope_table(dims.bands, bins, sample_rate)
        self.register_buffer("envelope", envelope.float(), persistent=False)
        self.register_buffer("phase", (envelope @ least_phase_table(bins)).float(), persistent=False)
        self.forward_stft = ForwardSTFT(dims.fft, dims.hop)
        self.inverse = InverseSTFT(dims.fft, dims.hop)

    def forward(self, z: Tensor, style: Tensor, f0: Tensor, noise: Tensor) -> Tensor:
        """(B, latent, F), (B, S, 1), float64 Hz (B, 1, F) above 0, standard normal (B, latent hop, F) -> (B, 1, N)."""
        entered = self.entry(z)
        entered = entered.reshape(z.shape[0], self.width, self.upsampling, z.shape[2]).transpose(2, 3)
        x = entered.reshape(z.shape[0], self.width, z.shape[2] * self.upsampling) + self.condition(style)
        x = self.entry_norm(x.transpose(1, 2)).transpose(1, 2)  # (B, W, G)
        for block in self.blocks:
            x = block(x)
        hidden = self.exit_norm(x.transpose(1, 2))  # (B, G, W)
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
        """Small truncated-normal weights and no biases, as Vocos's authors do; the head begins quietly."""
        for layer in self.modules():
            if isinstance(layer, (nn.Conv1d, nn.Linear)):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        nn.init.constant_(self.head.bias, -4.0)

"""Networks small enough for milliseconds, with weights big enough that every path can be heard in the output.

A fresh network says little: its flow is the identity and its decoder whispers, so a broken mask or a missing style
would move the waveform by nothing. `lively` redraws every weight at a scale that keeps signals alive.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from core_model.sovits.dims import HiFiGANDims, ISTFTDims, SourceFilterDims, SoVITSDims
from core_model.sovits.synthesizer import SoVITS, TrainingForward

LIKE_V2 = SoVITSDims(
    phonemes=30,
    semantic_codes=50,
    code_width=24,
    ssl_width=20,
    hidden=16,
    feedforward=32,
    code_layers=1,
    phoneme_layers=2,
    fused_layers=1,
    fusion_width=32,
    fusion_heads=2,
    style=32,
    style_bins=20,
    style_width=16,
    latent=12,
    flow_wavenet_layers=2,
    posterior_layers=3,
    spectrogram_bins=33,
    fft=64,
    hop=16,
    sample_rate=800,
    decoder=HiFiGANDims(16, (4, 2, 2), (8, 4, 2), (3, 5), ((1, 3), (1, 2))),
    dropout=0.0,
)
LIKE_PRO = replace(LIKE_V2, style=24, speaker_vector=40)
LIKE_NANO_1 = replace(LIKE_V2, ssl_width=0, decoder=ISTFTDims(width=16, blocks=2, fft=32, hop=8))  # of version 1.0
LIKE_NANO = replace(
    LIKE_NANO_1,
    sample_rate=1600,  # so that the usual pitch has harmonics
    decoder=SourceFilterDims(width=16, blocks=2, fft=32, hop=8, bands=9, pitch_levels=4, pitch_width=8),
)
ALL = {"v2": LIKE_V2, "pro": LIKE_PRO, "nano 1": LIKE_NANO_1, "nano": LIKE_NANO}


def lively(dims: SoVITSDims, *, with_posterior: bool = True, seed: int = 0) -> SoVITS:
    """A network in eval mode whose weights are all random and none negligible."""
    generator = torch.Generator().manual_seed(seed)
    network = SoVITS(dims, with_posterior=with_posterior).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            drawn = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() > 1 and not name.endswith("original0"):
                parameter.copy_(drawn / parameter[0].numel() ** 0.5)
            elif name.endswith(("weight", "scale", "original0")):  # norms' and weight norms' gains, of order one
                parameter.copy_(1 + 0.2 * drawn)
            else:
                parameter.copy_(0.2 * drawn)
    return network


@dataclass
class Batch:
    """Inputs of one training pass; rows may be cut short."""

    codes: Tensor
    code_lengths: Tensor
    phonemes: Tensor
    phoneme_lengths: Tensor
    spectrogram: Tensor
    noise: Tensor
    prior_noise: Tensor
    log_f0: Tensor
    breath: Tensor
    speaker_vector: Tensor | None

    def forward(
        self, network: nn.Module, starts: list[int], slice_frames: int, frame_lengths: Tensor | None = None
    ) -> TrainingForward:
        hummed = {"log_f0": self.log_f0, "breath": self.breath[:, :, :slice_frames]} if network.hums else {}
        return network(
            self.codes,
            self.code_lengths,
            self.phonemes,
            self.phoneme_lengths,
            self.spectrogram,
            2 * self.code_lengths if frame_lengths is None else frame_lengths,
            self.noise,
            torch.tensor(starts),
            slice_frames,
            self.speaker_vector,
            prior_noise=self.prior_noise,
            **hummed,
        )

    def row(self, index: int) -> Batch:
        """One row alone, without its padding."""
        codes, phonemes = int(self.code_lengths[index]), int(self.phoneme_lengths[index])
        one = slice(index, index + 1)
        speaker_vector = None if self.speaker_vector is None else self.speaker_vector[one]
        return Batch(
            self.codes[one, :codes],
            self.code_lengths[one],
            self.phonemes[one, :phonemes],
            self.phoneme_lengths[one],
            self.spectrogram[one, :, : 2 * codes],
            self.noise[one, :, : 2 * codes],
            self.prior_noise[one, :, : 2 * codes],
            self.log_f0[one, :, : 2 * codes],
            self.breath[one],
            speaker_vector,
        )


def batch(dims: SoVITSDims, code_lengths: list[int], phoneme_lengths: list[int], seed: int = 1) -> Batch:
    """A padded batch whose padding is noise, not zeros: what leaks is seen."""
    generator = torch.Generator().manual_seed(seed)
    rows, codes, phonemes = len(code_lengths), max(code_lengths), max(phoneme_lengths)
    return Batch(
        torch.randint(0, dims.semantic_codes, (rows, codes), generator=generator),
        torch.tensor(code_lengths),
        torch.randint(0, dims.phonemes, (rows, phonemes), generator=generator),
        torch.tensor(phoneme_lengths),
        torch.rand(rows, dims.spectrogram_bins, 2 * codes, generator=generator),
        torch.randn(rows, dims.latent, 2 * codes, generator=generator),
        torch.randn(rows, dims.latent, 2 * codes, generator=generator),
        5 + torch.rand(rows, 1, 2 * codes, generator=generator),  # 148 to 403 Hz
        torch.randn(rows, dims.hop, 2 * codes, generator=generator),
        torch.randn(rows, dims.speaker_vector, generator=generator) if dims.speaker_vector else None,
    )

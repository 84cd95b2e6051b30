"""SoVITS with a flow-matching decoder (v3, v4): codes, phonemes and a style to features, noise and features to a mel.

Draws no random numbers, and knows nothing of text, files, upstream's names or waveforms: vocoders.py makes those, and
decoding.py puts the steps together. The encoders are core_model.sovits's own. Reference: INFERENCE.md §6.
B batch, T codes, P phonemes, F latent frames, L mel frames, S style, W feature width, M mel bands.

    codes ─▶ quantizer ─▶ text_encoder ─▶ (speed) ─▶ bridge ─▶ to mel frames ─▶ feature_encoder ─▶ features (B, W, L)
                              ▲  ▲                                                    ▲
                    phonemes ─┘  └─────────────────────── style ──────────────────────┘
    noise, prompt mel, features ─▶ flow ─▶ mel
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.diffusion import cfm
from core_model.diffusion.dit import DiT
from core_model.errors import DimsError
from core_model.sovits.dims import FlowMatchingDims, SoVITSDims
from core_model.sovits.layers import WaveNet, length_mask, masked
from core_model.sovits.quantizer import Quantizer
from core_model.sovits.style_encoder import StyleEncoder
from core_model.sovits.text_encoder import TextEncoder, repeat_frames, stretch

_SLOPE = 0.01


class FeatureEncoder(nn.Module):
    """Gated convolutions between two projections, in the style of the speaker."""

    def __init__(self, dims: FlowMatchingDims, style: int) -> None:
        super().__init__()
        self.entry = nn.Conv1d(dims.features, dims.features, 1)
        self.wavenet = WaveNet(dims.features, dims.feature_kernel, dims.feature_layers, style)
        self.projection = nn.Conv1d(dims.features, dims.features, 1)

    def forward(self, x: Tensor, style: Tensor, mask: Tensor | None) -> Tensor:
        """(B, W, L), (B, S, 1) -> (B, W, L)."""
        return masked(self.projection(self.wavenet(masked(self.entry(x), mask), style, mask)), mask)


class FlowMatchingSoVITS(nn.Module):
    """The acoustic network of one voice, up to the mel spectrogram."""

    def __init__(self, dims: SoVITSDims) -> None:
        super().__init__()
        if not isinstance(dims.decoder, FlowMatchingDims):
            raise DimsError("decoder", "does not decode by flow matching")
        self.dims = dims
        self.decoder_dims = dims.decoder
        self.quantizer = Quantizer(dims)
        self.text_encoder = TextEncoder(dims)
        self.style_encoder = StyleEncoder(dims)
        self.bridge = nn.Conv1d(dims.hidden, dims.decoder.features, 1)
        self.feature_encoder = FeatureEncoder(dims.decoder, dims.style)
        # Nothing reads it when speaking; a voice is written back whole.
        self.mel_projection = nn.Conv1d(dims.decoder.features, dims.decoder.mel_bands, 1)
        self.transformer = DiT(dims.decoder)
        initialise(self)

    def encode_codes(self, ssl: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, ssl_width, T50) -> codes (B, T) int64 and margins (B, T)."""
        return self.quantizer.encode(ssl)

    def style(self, reference_spectrogram: Tensor, mask: Tensor | None = None) -> Tensor:
        """Linear magnitudes (B, bins, T) -> (B, S, 1)."""
        return self.style_encoder(reference_spectrogram, mask)

    def features(self, codes: Tensor, phonemes: Tensor, style: Tensor, speed: float = 1.0) -> Tensor:
        """Codes (1, T), phonemes (1, P), style (1, S, 1) -> (1, W, L) with L = dims.noise_frames_for(T, speed)."""
        count = codes.shape[1]
        encoded = self._encode(codes, None, phonemes, None, style)
        if speed != 1.0:
            encoded = stretch(encoded, self.dims.frames_for(count, speed))
        x = self._at_mel_rate(encoded)
        # Upstream masks by a count of its own, which may fall short of the real one when the speed is not 1: v4's last
        # frame is always zero then.
        heard = self.decoder_dims.heard_frames_per_code * count
        heard_frames = int(heard) if speed == 1.0 else int(heard / speed) + 1
        mask = None
        if heard_frames < x.shape[2]:
            mask = length_mask(torch.tensor([heard_frames], device=x.device), x.shape[2])
        return self.feature_encoder(x, style, mask)

    def flow(self, noise: Tensor, prompt_mel: Tensor, features: Tensor, steps: int) -> Tensor:
        """Noise (1, M, L), normalised prompt (1, M, P), features (1, W, L) -> normalised mel (1, M, L).

        The first P frames are zero, whatever the noise holds there.
        """
        return cfm.integrate(self.transformer, noise, prompt_mel, features, steps)

    def forward(
        self,
        codes: Tensor,
        code_lengths: Tensor,
        phonemes: Tensor,
        phoneme_lengths: Tensor,
        linear_spectrogram: Tensor,
        spectrogram_lengths: Tensor,
        mel: Tensor,
        mel_lengths: Tensor,
        noise: Tensor,
        prompt_frames: Tensor,
        time: Tensor,
        step: Tensor,
        *,
        shortcut: bool = False,
    ) -> cfm.Lesson:
        """One training pass. The style is that of the utterance itself; see `cfm.teach` for the last four.

        codes (B, T), phonemes (B, P), linear_spectrogram (B, bins, F'), normalised mel (B, M, L') each with lengths
        (B,); noise as mel. Features and mel are cut to the shorter of the two: their rates count from the same second,
        but a recording does not end with a code.
        """
        style = self.style(linear_spectrogram, length_mask(spectrogram_lengths, linear_spectrogram.shape[2]))
        latent_lengths = code_lengths * self.dims.code_upsampling
        mask = length_mask(latent_lengths, codes.shape[1] * self.dims.code_upsampling)
        phoneme_mask = length_mask(phoneme_lengths, phonemes.shape[1])
        x = self._at_mel_rate(self._encode(codes, mask, phonemes, phoneme_mask, style))
        lengths = torch.minimum((latent_lengths * self.dims.mel_frames_per_latent).long(), mel_lengths)
        frames = min(x.shape[2], mel.shape[2])
        x, mel, noise = x[:, :, :frames], mel[:, :, :frames], noise[:, :, :frames]
        features = self.feature_encoder(x, style, length_mask(lengths, frames))
        return cfm.teach(self.transformer, mel, noise, features, lengths, prompt_frames, time, step, shortcut=shortcut)

    def _encode(
        self, codes: Tensor, mask: Tensor | None, phonemes: Tensor, phoneme_mask: Tensor | None, style: Tensor
    ) -> Tensor:
        quantized = repeat_frames(self.quantizer(codes), self.dims.code_upsampling)  # (B, code_width, F)
        return self.text_encoder.encode(quantized, mask, phonemes, phoneme_mask, style)

    def _at_mel_rate(self, encoded: Tensor) -> Tensor:
        """(B, hidden, F) -> (B, W, L): each mel frame takes the latent frame it begins in."""
        x = F.leaky_relu(self.bridge(encoded), _SLOPE)
        # By the factor, not to the length: where the factor leaves a rest, the two choose other frames.
        return F.interpolate(x, scale_factor=self.dims.mel_frames_per_latent, mode="nearest")


def initialise(network: FlowMatchingSoVITS) -> None:
    """All initial weights, from torch's global generator (seed it before building).

    | what                              | value                    | why                                    |
    |-----------------------------------|--------------------------|----------------------------------------|
    | the encoders' query, key, value   | Xavier uniform           | VITS                                   |
    | phoneme embedding                 | N(0, 1 / hidden)         | VITS                                   |
    | modulations, the exit             | 0                        | AdaLN-zero: every block begins as the  |
    |                                   |                          | identity, the velocity as 0            |
    | everything else                   | torch's default          |                                        |
    """
    for name, parameter in network.text_encoder.named_parameters():
        if name.endswith((".attention.query.weight", ".attention.key.weight", ".attention.value.weight")):
            nn.init.xavier_uniform_(parameter)
    nn.init.normal_(network.text_encoder.phoneme_embedding.weight, std=network.dims.hidden**-0.5)
    transformer = network.transformer
    for layer in (*(block.modulation for block in transformer.blocks), transformer.exit_modulation, transformer.exit):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)

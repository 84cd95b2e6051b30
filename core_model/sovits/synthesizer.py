"""SoVITS whole: semantic codes, phonemes and a style to a waveform, and the forward pass that trains it.

Draws no random numbers: noise is an argument. Knows nothing of text, files or upstream's names. Every size is a field
of SoVITSDims; a family is a value, never a branch. Reference: Kim 2021 (VITS); INFERENCE.md §§2, 5, 8.
B batch, T codes, P phonemes, F latent frames, S style, N samples.
z posterior latent · z_p the same through the flow · m_p, logs_p what the prior says of z_p.

    codes ─▶ quantizer ─▶ text_encoder ─▶ m_p + noise · exp(logs_p) ─▶ flow⁻¹ ─▶ z ─▶ decoder ─▶ waveform
                              ▲  ▲                                       ▲             ▲
                    phonemes ─┘  └───────────────── style ───────────────┴─────────────┘

    network = fold_weight_norm(SoVITS(families.V2, with_posterior=False)).eval()
    noise = torch.zeros(1, 192, network.dims.frames_for(10))
    waveform = network.decode(codes, phonemes, style, noise, noise_scale=0.5)
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from core_model.sovits.dims import HiFiGANDims, ISTFTDims, SourceFilterDims, SoVITSDims
from core_model.sovits.flow import Flow
from core_model.sovits.generator import Generator
from core_model.sovits.layers import length_mask, take_frames
from core_model.sovits.pitch_contour import PitchContour, stretched
from core_model.sovits.posterior_encoder import PosteriorEncoder
from core_model.sovits.quantizer import Quantizer
from core_model.sovits.source_filter import SourceFilter
from core_model.sovits.spectral_generator import SpectralGenerator
from core_model.sovits.style_encoder import StyleEncoder
from core_model.sovits.text_encoder import TextEncoder, repeat_frames, stretch


@dataclass(frozen=True, slots=True)
class Prior:
    """What the prior says of each latent frame before the flow."""

    mean: Tensor = field(repr=False)  # (B, latent, F): m_p
    log_scale: Tensor = field(repr=False)  # (B, latent, F): logs_p
    mask: Tensor | None = field(repr=False)  # (B, 1, F); None: every frame is real


@dataclass(frozen=True, slots=True)
class TrainingForward:
    """What one training step needs for its losses."""

    waveform: Tensor = field(repr=False)  # (B, 1, slice_frames * hop)
    z: Tensor = field(repr=False)  # (B, latent, F)
    z_p: Tensor = field(repr=False)  # (B, latent, F)
    mean: Tensor = field(repr=False)  # (B, latent, F): the prior's
    log_scale: Tensor = field(repr=False)  # (B, latent, F): the prior's
    posterior_mean: Tensor = field(repr=False)  # (B, latent, F)
    posterior_log_scale: Tensor = field(repr=False)  # (B, latent, F)
    mask: Tensor = field(repr=False)  # (B, 1, F)
    style: Tensor = field(repr=False)  # (B, S, 1)
    log_f0: Tensor | None = field(default=None, repr=False)  # (B, 1, F): the pitch that the codes say, if one is hummed
    spoken: Tensor | None = field(default=None, repr=False)  # (B, 1, slice_frames * hop): the slice from the prior


class SoVITS(nn.Module):
    """The acoustic network of one voice. *with_posterior*: whether it can be trained."""

    __constants__ = ("hums",)  # TorchScript compiles one of hum's two ways of calling the decoder

    def __init__(self, dims: SoVITSDims, *, with_posterior: bool = True) -> None:
        super().__init__()
        self.dims = dims
        self.latent = dims.latent
        self.code_upsampling = dims.code_upsampling
        self.quantizer = Quantizer(dims)
        self.text_encoder = TextEncoder(dims)
        self.flow = Flow(dims)
        self.decoder = _decoder(dims)
        self.hums = isinstance(dims.decoder, SourceFilterDims)  # whether the decoder is driven by a pitch and noise
        self.pitch_contour: PitchContour | None = None
        if isinstance(dims.decoder, SourceFilterDims):
            levels, width = dims.decoder.pitch_levels, dims.decoder.pitch_width
            self.pitch_contour = PitchContour(dims.style, levels, width, dims.code_upsampling)
        self.style_encoder = StyleEncoder(dims)
        self.speaker_projection: nn.Linear | None = None
        self.style_activation: nn.PReLU | None = None
        if dims.speaker_vector:
            self.speaker_projection = nn.Linear(dims.speaker_vector, dims.style)
            self.style_activation = nn.PReLU(dims.style)
        self.style_to_fusion: nn.Linear | None = None
        if dims.style != dims.fusion_width:
            self.style_to_fusion = nn.Linear(dims.style, dims.fusion_width)
        self.posterior_encoder = PosteriorEncoder(dims) if with_posterior else None
        initialise(self)

    def encode_codes(self, ssl: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, ssl_width, T50) -> codes (B, T) int64 and margins (B, T). Needs dims.ssl_width."""
        return self.quantizer.encode(ssl)

    def style(
        self, reference_spectrogram: Tensor, mask: Tensor | None = None, speaker_vector: Tensor | None = None
    ) -> Tensor:
        """Linear magnitudes (B, bins, T), and the speaker vector (B, V) where dims have one -> (B, S, 1).

        Several references of one voice: take the mean of their styles.
        """
        style = self.style_encoder(reference_spectrogram, mask)
        if self.speaker_projection is None or self.style_activation is None:
            return style
        if speaker_vector is None:
            raise ValueError("this network's style needs a speaker vector")
        return self.style_activation(style + self.speaker_projection(speaker_vector)[:, :, None])

    def prior(
        self,
        codes: Tensor,
        phonemes: Tensor,
        style: Tensor,
        speed: float = 1.0,
        code_lengths: Tensor | None = None,
        phoneme_lengths: Tensor | None = None,
    ) -> Prior:
        """Codes (B, T) and phonemes (B, P) in a style (B, S, 1) -> Prior of frames_for(T, speed) frames.

        Lengths (B,) say what of a padded batch is real; with them the speed must be 1, because rows of different
        lengths would stretch by different factors (ValueError).
        """
        if speed != 1.0 and code_lengths is not None:
            raise ValueError("a padded batch has no one speed: stretch its rows one by one")
        mask = None if code_lengths is None else self._mask(code_lengths * self.code_upsampling, codes)
        phoneme_mask = None if phoneme_lengths is None else length_mask(phoneme_lengths, phonemes.shape[1])
        encoded = self._encode(codes, mask, phonemes, phoneme_mask, style)
        if speed != 1.0:
            encoded = stretch(encoded, self.dims.frames_for(codes.shape[1], speed))
        return Prior(*self.text_encoder.statistics(encoded, mask), mask)

    def decode(
        self, codes: Tensor, phonemes: Tensor, style: Tensor, noise: Tensor, noise_scale: float, speed: float = 1.0
    ) -> Tensor:
        """Codes (1, T), phonemes (1, P), style (1, S, 1), standard normal noise (1, noise_channels, F) -> (1, 1, N).

        F must be dims.frames_for(T, speed) (ValueError); N is F * dims.hop.
        """
        frames = self.dims.frames_for(codes.shape[1], speed)
        if noise.shape[2] != frames:
            raise ValueError(
                f"{codes.shape[1]} codes at speed {speed} are {frames} frames; the noise has {noise.shape[2]}"
            )
        return self.decode_frames(codes, phonemes, style, noise, torch.tensor(noise_scale, device=noise.device))

    def decode_frames(
        self, codes: Tensor, phonemes: Tensor, style: Tensor, noise: Tensor, noise_scale: Tensor
    ) -> Tensor:
        """What decode does, as a graph: the length of the noise is the number of frames, noise_scale is 0-d.

        No Python branch depends on a value, and every length may vary: this is the method that gets exported.
        """
        encoded = self._encode(codes, None, phonemes, None, style)
        mean, log_scale = self.text_encoder.statistics(stretch(encoded, noise.shape[2]), None)
        latent = self.latent
        z_p = mean + noise[:, :latent] * torch.exp(log_scale) * noise_scale
        log_f0: Tensor | None = None
        if self.pitch_contour is not None:
            log_f0 = stretched(self.pitch_contour(codes, style, None), noise.shape[2])
        return self.hum(self.flow.reverse(z_p, style, None), style, log_f0, noise[:, latent:])

    def hum(self, z: Tensor, style: Tensor, log_f0: Tensor | None, breath: Tensor | None) -> Tensor:
        """Latent (B, latent, F) in a style (B, S, 1) -> waveform (B, 1, N).

        A source-filter decoder also reads the pitch, natural log of Hz (B, 1, F), and noise (B, hop, F); others do not.
        """
        if self.hums:
            if log_f0 is None or breath is None:
                raise ValueError("this decoder needs a pitch and noise")
            return self.decoder(z, style, torch.exp(log_f0.double()), breath)
        else:  # not after it: TorchScript compiles what follows a return, but not the other branch
            return self.decoder(z, style)

    @torch.jit.unused
    def forward(
        self,
        codes: Tensor,
        code_lengths: Tensor,
        phonemes: Tensor,
        phoneme_lengths: Tensor,
        linear_spectrogram: Tensor,
        frame_lengths: Tensor,
        posterior_noise: Tensor,
        slice_starts: Tensor,
        slice_frames: int,
        speaker_vector: Tensor | None = None,
        log_f0: Tensor | None = None,
        breath: Tensor | None = None,
        prior_noise: Tensor | None = None,
    ) -> TrainingForward:
        """One training pass. The style is that of the utterance itself.

        codes (B, T), phonemes (B, P), each with lengths (B,); linear_spectrogram (B, bins, F) with F = code_upsampling
        * T and frame_lengths <= code_upsampling * code_lengths; posterior_noise (B, latent, F). The decoder sees
        *slice_frames* frames of each row from slice_starts (B,) on, which must lie inside the row. A source-filter
        decoder is given the recording's pitch log_f0 (B, 1, F) and *breath* (B, hop, slice_frames), its noise. With
        *prior_noise* (B, latent, F) the same slice is also spoken from the prior, without the recording.
        """
        if self.posterior_encoder is None:
            raise ValueError("this network was built without its posterior encoder: it can speak, not learn")
        mask = length_mask(
            torch.minimum(frame_lengths, code_lengths * self.code_upsampling), linear_spectrogram.shape[2]
        )
        phoneme_mask = length_mask(phoneme_lengths, phonemes.shape[1])
        style = self.style(linear_spectrogram, mask, speaker_vector)
        encoded = self._encode(codes, mask, phonemes, phoneme_mask, style)
        mean, log_scale = self.text_encoder.statistics(encoded, mask)
        z, posterior_mean, posterior_log_scale = self.posterior_encoder(
            linear_spectrogram, style, posterior_noise, mask
        )
        pitch = None if log_f0 is None else take_frames(log_f0, slice_starts, slice_frames)
        spoken = None
        if prior_noise is not None:
            spoken_z = self.flow.reverse(mean + prior_noise * torch.exp(log_scale), style, mask)
            spoken = self.hum(take_frames(spoken_z, slice_starts, slice_frames), style, pitch, breath)
        return TrainingForward(
            waveform=self.hum(take_frames(z, slice_starts, slice_frames), style, pitch, breath),
            z=z,
            z_p=self.flow(z, style, mask),
            mean=mean,
            log_scale=log_scale,
            posterior_mean=posterior_mean,
            posterior_log_scale=posterior_log_scale,
            mask=mask,
            style=style,
            log_f0=None if self.pitch_contour is None else self.pitch_contour(codes, style, mask),
            spoken=spoken,
        )

    def _encode(
        self, codes: Tensor, mask: Tensor | None, phonemes: Tensor, phoneme_mask: Tensor | None, style: Tensor
    ) -> Tensor:
        quantized = repeat_frames(self.quantizer(codes), self.code_upsampling)  # (B, W, F)
        fusion_style = style
        if self.style_to_fusion is not None:
            fusion_style = self.style_to_fusion(style.transpose(1, 2)).transpose(1, 2)
        return self.text_encoder.encode(quantized, mask, phonemes, phoneme_mask, fusion_style)

    def _mask(self, frame_lengths: Tensor, codes: Tensor) -> Tensor:
        return length_mask(frame_lengths, codes.shape[1] * self.code_upsampling)


def _decoder(dims: SoVITSDims) -> Generator | SpectralGenerator | SourceFilter:
    if isinstance(dims.decoder, HiFiGANDims):
        return Generator(dims.latent, dims.style, dims.decoder)
    if isinstance(dims.decoder, SourceFilterDims):
        return SourceFilter(dims.latent, dims.style, dims.hop, dims.sample_rate, dims.decoder)
    assert isinstance(dims.decoder, ISTFTDims)  # for mypy: flow matching has a synthesizer of its own
    return SpectralGenerator(dims.latent, dims.style, dims.hop, dims.decoder)


def initialise(network: SoVITS) -> None:
    """All initial weights, from torch's global generator (seed it before building).

    | what                              | value                    | why                                    |
    |-----------------------------------|--------------------------|----------------------------------------|
    | attention query, key, value       | Xavier uniform           | VITS                                   |
    | phoneme embedding                 | N(0, 1 / hidden)         | VITS                                   |
    | a coupling's shift                | 0                        | the flow begins as the identity        |
    | decoder                           | its own table            | the decoders' files                    |
    | everything else                   | torch's default          |                                        |
    """
    for name, parameter in network.named_parameters():
        if name.endswith((".attention.query.weight", ".attention.key.weight", ".attention.value.weight")):
            nn.init.xavier_uniform_(parameter)
    nn.init.normal_(network.text_encoder.phoneme_embedding.weight, std=network.dims.hidden**-0.5)
    for coupling in network.flow.couplings:
        nn.init.zeros_(coupling.shift.weight)
        nn.init.zeros_(coupling.shift.bias)
    network.decoder.initialise()

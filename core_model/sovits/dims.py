"""Every size of a SoVITS network, as one frozen value that can rest in voice.json.

Knows no tensors and no torch: a machine that only reads a voice can read its dims. Which values belong to which
family stands in families.py. Refuses sizes that no network could have (an odd latent, strides that miss the hop).
Reference: shared/upstream/INFERENCE.md §5, FORMAT.md §2.

    frame rates:   codes ──code_upsampling──▶ latent frames ──hop──▶ samples
    flow matching: codes ──code_upsampling──▶ latent frames ──▶ mel frames ──vocoder──▶ samples
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from core_model.errors import DimsError


@dataclass(frozen=True, slots=True)
class HiFiGANDims:
    """A decoder of transposed convolutions and residual blocks (Kong 2020)."""

    width: int = 512  # channels before the first stage; halved by each stage
    rates: tuple[int, ...] = (10, 8, 2, 2, 2)  # their product is the hop of the latent
    kernels: tuple[int, ...] = (16, 16, 8, 2, 2)
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))


@dataclass(frozen=True, slots=True)
class ISTFTDims:
    """A decoder that predicts magnitudes and phases and inverts them (Siuzdak 2023)."""

    width: int = 256
    blocks: int = 6
    fft: int = 640
    hop: int = 160  # divides fft and the hop of the latent
    expansion: int = 3  # inner width of a block, in widths


@dataclass(frozen=True, slots=True)
class SourceFilterDims:
    """A decoder that predicts two filters, one for pulses and one for noise (Liu 2020)."""

    width: int = 256
    blocks: int = 6
    fft: int = 480
    hop: int = 160  # divides fft and the hop of the latent
    expansion: int = 3  # inner width of a block, in widths
    bands: int = 80  # of each filter
    pitch_levels: int = 12  # a code's remainder by it says how high the voice is
    pitch_width: int = 64  # of the network that reads the pitch off the codes


@dataclass(frozen=True, slots=True)
class BigVGANDims:
    """A vocoder whose activations are periodic and filtered against aliasing (Lee 2023)."""

    width: int = 1536  # channels before the first stage; halved by each stage
    rates: tuple[int, ...] = (4, 4, 2, 2, 2, 2)  # their product is the number of samples per mel frame
    kernels: tuple[int, ...] = (8, 8, 4, 4, 4, 4)
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))


@dataclass(frozen=True, slots=True)
class FlowMatchingDims:
    """A decoder that moves noise to a mel spectrogram in a few steps (Lipman 2023), and the vocoder after it.

    The defaults are upstream's v3. The reference's mel and the made one share their rates.
    """

    mel_bands: int = 100
    mel_sample_rate: int = 24000
    mel_fft: int = 1024
    mel_hop: int = 256
    features: int = 512  # width of what the transformer is told about each mel frame
    feature_layers: int = 8
    feature_kernel: int = 5
    heard_frames_per_code: float = 3.875  # mel frames per code that are not masked: upstream's count, not the real one
    window_frames: int = 934  # prompt and new mel frames that are computed at once
    prompt_frames: int = 468  # of which at most so many are prompt
    steps: int = 32  # from noise to mel, unless somebody asks for another number
    width: int = 1024
    layers: int = 22
    heads: int = 16
    feedforward: int = 2048
    time_width: int = 256
    text_layers: int = 4
    text_inner: int = 1024
    text_kernel: int = 7
    position_kernel: int = 31
    position_groups: int = 16
    vocoder: BigVGANDims | HiFiGANDims = BigVGANDims()

    def __post_init__(self) -> None:
        """Refuse sizes that no network could have (DimsError names the field)."""
        _require("decoder.width", self.width % (2 * self.heads) == 0, "does not divide into pairs for decoder.heads")
        _require("decoder.width", self.width % self.position_groups == 0, "does not divide by decoder.position_groups")
        _require("decoder.features", self.features % 2 == 0, "is half sines, half cosines: it must be even")
        _require("decoder.time_width", self.time_width % 2 == 0 and self.time_width > 2, "must be even, and 4 or more")
        _require("decoder.prompt_frames", self.prompt_frames < self.window_frames, "fill the window")
        _require("decoder.steps", self.steps > 0, "is no number of steps")
        rates, kernels = self.vocoder.rates, self.vocoder.kernels
        _require("decoder.vocoder.kernels", len(kernels) == len(rates), "and rates differ in length")

    @property
    def frame_rate(self) -> float:
        """Mel frames a second."""
        return self.mel_sample_rate / self.mel_hop

    @property
    def samples_per_frame(self) -> int:
        """Samples that the vocoder makes of one mel frame."""
        return math.prod(self.vocoder.rates)


@dataclass(frozen=True, slots=True)
class SoVITSDims:
    """Sizes of the whole network; the defaults are upstream's v2."""

    phonemes: int = 732  # rows of the phoneme table
    semantic_codes: int = 1024
    code_width: int = 768  # columns of the codebook
    code_upsampling: int = 2  # latent frames per code
    ssl_width: int = 768  # features that codes are made of; 0: codes come from elsewhere
    hidden: int = 192  # width of the encoders, the flow and the posterior
    feedforward: int = 768
    heads: int = 2
    code_layers: int = 3
    phoneme_layers: int = 6
    fused_layers: int = 3
    kernel: int = 3  # of the feedforward convolutions
    window: int = 4  # relative positions reach this far to either side
    dropout: float = 0.1
    fusion_width: int = 512
    fusion_heads: int = 4
    style: int = 512
    speaker_vector: int = 0  # 0: the style comes from the reference spectrogram alone
    style_bins: int = 704  # the lowest bins of the reference spectrogram
    style_width: int = 128
    style_heads: int = 2
    style_kernel: int = 5
    latent: int = 192
    flow_couplings: int = 4
    flow_wavenet_layers: int = 4
    flow_kernel: int = 5
    posterior_layers: int = 16
    posterior_kernel: int = 5
    spectrogram_bins: int = 1025
    log_mel: bool = False  # the spectrogram is features.acoustic's log mel, not linear magnitudes
    sample_rate: int = 32000  # of the spectrogram; waveform_rate is what comes out
    hop: int = 640  # samples per latent frame, and of the spectrogram
    fft: int = 2048  # of the spectrogram
    decoder: HiFiGANDims | ISTFTDims | SourceFilterDims | FlowMatchingDims = HiFiGANDims()

    def __post_init__(self) -> None:
        """Refuse sizes that no network could have (DimsError names the field)."""
        _require("latent", self.latent % 2 == 0, "is split in halves: it must be even")
        _require("hidden", self.hidden % self.heads == 0, "does not divide by heads")
        _require("fusion_width", self.fusion_width % self.fusion_heads == 0, "does not divide by fusion_heads")
        _require("style_width", self.style_width % self.style_heads == 0, "does not divide by style_heads")
        _require("style_bins", self.style_bins <= self.spectrogram_bins, "exceeds spectrogram_bins")
        linear_bins = self.fft // 2 + 1
        _require("spectrogram_bins", self.log_mel or self.spectrogram_bins == linear_bins, "is not fft / 2 + 1")
        if isinstance(self.decoder, HiFiGANDims):
            _require("decoder.rates", math.prod(self.decoder.rates) == self.hop, "do not multiply to hop")
            _require(
                "decoder.kernels", len(self.decoder.kernels) == len(self.decoder.rates), "and rates differ in length"
            )
        elif isinstance(self.decoder, ISTFTDims | SourceFilterDims):
            _require("decoder.hop", self.hop % self.decoder.hop == 0, "does not divide hop")
            _require("decoder.fft", self.decoder.fft % self.decoder.hop == 0, "does not divide by decoder.hop")
            if isinstance(self.decoder, SourceFilterDims):
                _require("decoder.hop", self.decoder.hop % 2 == 0, "is odd")  # least phase needs an even fft
                _require("decoder.bands", self.decoder.bands > 0, "are none")
                _require("decoder.pitch_levels", self.decoder.pitch_levels > 0, "are none")
        else:
            _require("style", self.style == self.fusion_width, "is not fusion_width: this decoder has no projection")
            _require("speaker_vector", self.speaker_vector == 0, "is not read by this decoder")

    def frames_for(self, code_count: int, speed: float = 1.0) -> int:
        """Latent frames for *code_count* codes; upstream adds one whenever the speed is not 1."""
        frames = self.code_upsampling * code_count
        return frames if speed == 1.0 else int(frames / speed) + 1

    @property
    def mel_frames_per_latent(self) -> float:
        """How the frame rate of a flow-matching decoder relates to that of the encoder; 1 for the others."""
        if isinstance(self.decoder, FlowMatchingDims):
            return self.decoder.frame_rate * self.hop / self.sample_rate
        return 1.0

    @property
    def noise_channels(self) -> int:
        """Channels of the noise that a waveform is made from."""
        if isinstance(self.decoder, FlowMatchingDims):
            return self.decoder.mel_bands
        return self.latent + (self.hop if isinstance(self.decoder, SourceFilterDims) else 0)  # its breath, by sample

    def noise_frames_for(self, code_count: int, speed: float = 1.0) -> int:
        """Frames of that noise for *code_count* codes; each becomes a frame of the latent or of the mel."""
        return int(self.frames_for(code_count, speed) * self.mel_frames_per_latent)

    @property
    def waveform_rate(self) -> int:
        """Hz of the waveform that comes out."""
        if isinstance(self.decoder, FlowMatchingDims):
            return self.decoder.mel_sample_rate * self.decoder.samples_per_frame // self.decoder.mel_hop
        return self.sample_rate


# Fields that hold one of several classes: which one is written as its kind.
_KINDS: dict[str, dict[str, type[Any]]] = {
    "decoder": {
        "hifigan": HiFiGANDims,
        "istft": ISTFTDims,
        "source_filter": SourceFilterDims,
        "flow_matching": FlowMatchingDims,
    },
    "decoder.vocoder": {"bigvgan": BigVGANDims, "hifigan": HiFiGANDims},
}


def _require(field: str, holds: bool, problem: str) -> None:
    if not holds:
        raise DimsError(field, problem)


def dims_to_dict(dims: SoVITSDims) -> dict[str, Any]:
    """*dims* as what json can hold; of a decoder or a vocoder, the class is its ``kind``."""
    return _written(dims, "")


def _written(dims: Any, prefix: str) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for field in fields(dims):
        value, name = getattr(dims, field.name), prefix + field.name
        if is_dataclass(value):
            kind = next(kind for kind, cls in _KINDS[name].items() if type(value) is cls)
            document[field.name] = {"kind": kind} | _written(value, f"{name}.")
        else:
            document[field.name] = _listed(value)
    return document


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


def dims_from_dict(document: Mapping[str, Any]) -> SoVITSDims:
    """The inverse of dims_to_dict. DimsError where a field is missing, unknown or of the wrong type."""
    dims: SoVITSDims = _read(SoVITSDims, document, "")
    return dims


def _read(cls: type[Any], document: Mapping[str, Any], prefix: str) -> Any:
    known = {field.name: field for field in fields(cls)}
    for name in document.keys() - known.keys():
        raise DimsError(prefix + name, "is not a size this version knows")
    values = {}
    for name, field in known.items():
        if name not in document:
            raise DimsError(prefix + name, "is missing")
        values[name] = _value(prefix + name, field.default, document[name])
    return cls(**values)


def _value(name: str, example: Any, value: Any) -> Any:
    """*value* in the shape of *example*: yes or no, a whole number, a number, a (nested) tuple of whole numbers."""
    if is_dataclass(example):
        kind = value.get("kind") if isinstance(value, Mapping) else None
        if not isinstance(kind, str) or kind not in _KINDS[name]:
            raise DimsError(f"{name}.kind", f"is none of {', '.join(_KINDS[name])}")
        return _read(_KINDS[name][kind], {k: v for k, v in value.items() if k != "kind"}, f"{name}.")
    if isinstance(example, bool):
        if not isinstance(value, bool):
            raise DimsError(name, f"{value!r} is neither true nor false")
        return value
    if isinstance(example, tuple):
        if not isinstance(value, (list, tuple)) or not value:
            raise DimsError(name, "is not a list")
        return tuple(_value(name, example[0], item) for item in value)
    allowed = (int, float) if isinstance(example, float) else (int,)
    if isinstance(value, bool) or not isinstance(value, allowed) or value < 0:
        raise DimsError(name, f"{value!r} is not a size")
    return float(value) if isinstance(example, float) else value

"""Every size of a SoVITS network, as one frozen value that can rest in voice.json.

Knows no tensors and no torch: a machine that only reads a voice can read its dims. Which values belong to which
family stands in families.py. Refuses sizes that no network could have (an odd latent, strides that miss the hop).
Reference: shared/upstream/INFERENCE.md §5, FORMAT.md §2.

    frame rates:   codes ──code_upsampling──▶ latent frames ──hop──▶ samples
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
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
    sample_rate: int = 32000
    hop: int = 640  # samples per latent frame, and of the spectrogram
    fft: int = 2048  # of the spectrogram
    decoder: HiFiGANDims | ISTFTDims = HiFiGANDims()

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
        else:
            _require("decoder.hop", self.hop % self.decoder.hop == 0, "does not divide hop")
            _require("decoder.fft", self.decoder.fft % self.decoder.hop == 0, "does not divide by decoder.hop")

    def frames_for(self, code_count: int, speed: float = 1.0) -> int:
        """Latent frames for *code_count* codes; upstream adds one whenever the speed is not 1."""
        frames = self.code_upsampling * code_count
        return frames if speed == 1.0 else int(frames / speed) + 1


_DECODERS: dict[str, type[HiFiGANDims] | type[ISTFTDims]] = {"hifigan": HiFiGANDims, "istft": ISTFTDims}


def _require(field: str, holds: bool, problem: str) -> None:
    if not holds:
        raise DimsError(field, problem)


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


def dims_to_dict(dims: SoVITSDims) -> dict[str, Any]:
    """*dims* as what json can hold; the decoder's class is its ``kind``."""
    kind = next(kind for kind, cls in _DECODERS.items() if isinstance(dims.decoder, cls))
    document = asdict(dims)
    document["decoder"] = {"kind": kind} | {name: _listed(value) for name, value in document["decoder"].items()}
    return document


def dims_from_dict(document: Mapping[str, Any]) -> SoVITSDims:
    """The inverse of dims_to_dict. DimsError where a field is missing, unknown or of the wrong type."""
    decoder = document.get("decoder")
    if not isinstance(decoder, Mapping) or decoder.get("kind") not in _DECODERS:
        raise DimsError("decoder.kind", f"is none of {', '.join(_DECODERS)}")
    inner = _read(_DECODERS[decoder["kind"]], {k: v for k, v in decoder.items() if k != "kind"}, "decoder.")
    dims: SoVITSDims = _read(SoVITSDims, {**document, "decoder": inner}, "")
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
        return value
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

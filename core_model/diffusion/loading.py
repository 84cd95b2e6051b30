"""Weights of a voice into a flow-matching network and its vocoder: every tensor, none missing and none left over.

Knows our tensor names, not upstream's, and no files. The networks are built empty and take the arrays as their own, so
that 384 million values are never held twice in float32. VoiceError names the first tensor that does not fit.

    network = load_network(dims, voice.weights("sovits"), voice.weights("lora"))
    vocoder = load_vocoder(dims.decoder, voice.weights("vocoder"))
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from core_model.adopting import adopt
from core_model.diffusion import vocoders
from core_model.diffusion.lora import merge
from core_model.diffusion.synthesizer import FlowMatchingSoVITS
from core_model.sovits.dims import FlowMatchingDims, SoVITSDims
from core_model.sovits.layers import fold_weight_norm
from core_model.voice import Array

_NORMED = ".parametrizations."  # in the names of a vocoder whose weight norm was not removed


def load_network(
    dims: SoVITSDims, weights: Mapping[str, Array], lora: Mapping[str, Array] | None = None
) -> FlowMatchingSoVITS:
    """The network in float32, *lora* merged, weight norm folded, ready to speak."""
    with torch.device("meta"):
        network = FlowMatchingSoVITS(dims)
    if lora is not None:
        weights = merge(weights, lora)
    adopt(network, weights, "weights/sovits.safetensors")
    _make_ready(network)
    return network


def load_vocoder(dims: FlowMatchingDims, weights: Mapping[str, Array]) -> vocoders.Vocoder:
    """The vocoder in float32, from weights with or without weight norm, ready to speak."""
    with torch.device("meta"):
        vocoder = vocoders.build(dims.mel_bands, dims.vocoder)
    if not any(_NORMED in name for name in weights):
        fold_weight_norm(vocoder)
    adopt(vocoder, weights, "weights/vocoder.safetensors")
    _make_ready(vocoder)
    return vocoder


def _make_ready(network: nn.Module) -> None:
    fold_weight_norm(network)
    network.eval().requires_grad_(False)

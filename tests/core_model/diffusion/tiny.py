"""Flow-matching networks small enough for milliseconds, with weights big enough that every path can be heard.

A fresh one says nothing: its velocities are zero until it has learned (AdaLN-zero). `lively` redraws every weight.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from core_model.diffusion.synthesizer import FlowMatchingSoVITS
from core_model.sovits.dims import BigVGANDims, FlowMatchingDims, HiFiGANDims
from tests.core_model.sovits.tiny import LIKE_V2 as ENCODERS

# As in v3, a mel frame is shorter than a latent frame by a factor that is not whole: 93.75 / 50 = 1.875.
FLOW_V3 = FlowMatchingDims(
    mel_bands=6,
    mel_sample_rate=1500,
    mel_fft=32,
    mel_hop=16,
    features=12,
    feature_layers=2,
    heard_frames_per_code=3.875,
    window_frames=40,
    prompt_frames=18,
    steps=3,
    width=32,
    layers=2,
    heads=4,
    feedforward=48,
    time_width=16,
    text_layers=2,
    text_inner=20,
    position_kernel=5,
    position_groups=4,
    vocoder=BigVGANDims(16, (4, 2, 2), (8, 4, 4), (3, 5), ((1, 3), (1, 2))),
)
FLOW_V4 = replace(
    FLOW_V3,
    mel_sample_rate=1600,
    heard_frames_per_code=4.0,
    vocoder=HiFiGANDims(16, (6, 2, 2), (12, 4, 4), (3, 5), ((1, 3), (1, 2))),
)
LIKE_V3 = replace(ENCODERS, decoder=FLOW_V3)
LIKE_V4 = replace(ENCODERS, decoder=FLOW_V4)
ALL = {"v3": LIKE_V3, "v4": LIKE_V4}


def enliven(network: nn.Module, seed: int = 0) -> None:
    """Redraw every weight of *network* at a scale that keeps signals alive, and put it in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    network.eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            drawn = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() > 1 and not name.endswith("original0"):
                parameter.copy_(drawn / parameter[0].numel() ** 0.5)
            elif name.endswith(("weight", "original0")):  # norms' and weight norms' gains, of order one
                parameter.copy_(1 + 0.2 * drawn)
            else:
                parameter.copy_(0.2 * drawn)


def lively(name: str) -> FlowMatchingSoVITS:
    """The network of ALL[name], all its weights random and none negligible."""
    network = FlowMatchingSoVITS(ALL[name])
    enliven(network)
    return network

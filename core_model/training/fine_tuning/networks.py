"""The networks of an imported base, in the form that learns, and what rests of them afterwards.

Knows our tensor names and voices' weights; no files of upstream's. What learns keeps weight norm's two tensors, and
SoVITS its posterior encoder, which a voice leaves behind as upstream's do. A voice rests in float16. Every tensor is
taken, none is missing and none left over: VoiceError names the first that does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from core_model.adopting import adopt
from core_model.diffusion.adapters import adapt, lora_weights
from core_model.diffusion.synthesizer import FlowMatchingSoVITS
from core_model.errors import DatasetError
from core_model.gpt import GPT
from core_model.sovits.discriminator import V1_V2, DiscriminatorDims, MultiPeriodDiscriminator
from core_model.sovits.synthesizer import SoVITS
from core_model.speaking import sovits_dims
from core_model.synthesis import load_gpt
from core_model.voice import Array, Voice

_POSTERIOR = "posterior_encoder."
_LARGEST_HALF = float(np.finfo(np.float16).max)


def gpt_of(base: Voice) -> GPT:
    """The GPT of *base*."""
    return load_gpt(base).requires_grad_(True)


def sovits_of(base: Voice) -> SoVITS:
    """The SoVITS of *base* with its posterior encoder; DatasetError if the file came without one."""
    weights = base.weights("sovits")
    if not any(name.startswith(_POSTERIOR) for name in weights):
        raise DatasetError("the base holds no posterior encoder (enc_q): it is a voice, and only a base file can learn")
    network = SoVITS(sovits_dims(base))
    adopt(network, weights, "weights/sovits.safetensors")
    return network


def flow_of(base: Voice, lora_rank: int | None, seed: int) -> FlowMatchingSoVITS:
    """The flow-matching network of *base*; with *lora_rank*, only what a LoRA holds will learn."""
    with torch.device("meta"):
        network = FlowMatchingSoVITS(sovits_dims(base))
    adopt(network, base.weights("sovits"), "weights/sovits.safetensors")
    if lora_rank is None:
        return network
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return adapt(network, lora_rank)


def judges_of(weights: Mapping[str, Array], periods: tuple[int, ...]) -> MultiPeriodDiscriminator:
    """Upstream's judges, of *periods*, with *weights* under our names."""
    dims: DiscriminatorDims = replace(V1_V2, periods=periods)
    judges = MultiPeriodDiscriminator(dims)
    adopt(judges, weights, "the discriminator")
    return judges


def rested(network: nn.Module) -> dict[str, np.ndarray]:
    """What a voice keeps of a trained network: float16, without the posterior encoder. DatasetError if it ran away."""
    return {
        name: _half(name, tensor) for name, tensor in network.state_dict().items() if not name.startswith(_POSTERIOR)
    }


def rested_lora(network: FlowMatchingSoVITS) -> dict[str, np.ndarray]:
    """What a LoRA keeps of a trained network, float16."""
    return {name: _half(name, tensor) for name, tensor in lora_weights(network).items()}


def _half(name: str, tensor: torch.Tensor) -> np.ndarray:
    values = tensor.detach().float().cpu().numpy()
    if not (np.abs(values) <= _LARGEST_HALF).all():  # false for NaN, too
        raise DatasetError(f"training ran away: {name} holds values that are no numbers a voice can keep")
    return values.astype(np.float16)

"""Weights into networks: whole or refused by name, in any dtype, folded, without a second copy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from core_model.diffusion import adapters, lora, vocoders
from core_model.diffusion.loading import load_network, load_vocoder
from core_model.errors import VoiceError
from core_model.sovits.layers import fold_weight_norm
from tests.core_model.diffusion import tiny

SOVITS = "weights/sovits.safetensors"


def arrays(network: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}


def made(network: object) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        features = network.features(torch.arange(5)[None], torch.arange(4)[None], torch.ones(1, 32, 1))
        noise = torch.randn(1, 6, features.shape[2], generator=generator)
        return network.flow(noise, torch.ones(1, 6, 2), features, 2)


@pytest.mark.parametrize("name", tiny.ALL)
def test_a_loaded_network_says_the_same(name: str) -> None:
    network = tiny.lively(name)
    loaded = load_network(tiny.ALL[name], arrays(network))
    torch.testing.assert_close(made(loaded), made(network), atol=1e-5, rtol=1e-4)
    assert not loaded.training
    assert not any(p.requires_grad or p.is_meta for p in loaded.parameters())
    assert not any("parametrizations" in name for name in loaded.state_dict())


def test_half_precision_is_computed_in_float32() -> None:
    network = tiny.lively("v3")
    half = {name: array.astype(np.float16) for name, array in arrays(network).items()}
    loaded = load_network(tiny.LIKE_V3, half)
    assert {tensor.dtype for tensor in loaded.state_dict().values()} == {torch.float32}
    torch.testing.assert_close(made(loaded), made(network), atol=0.05, rtol=0.05)


def test_float32_is_shared_and_what_must_not_be_written_is_copied() -> None:
    weights = arrays(tiny.lively("v3"))
    locked = weights["bridge.bias"]
    locked.flags.writeable = False
    loaded = load_network(tiny.LIKE_V3, weights)
    assert loaded.bridge.weight.data_ptr() == weights["bridge.weight"].ctypes.data
    assert loaded.bridge.bias.data_ptr() != locked.ctypes.data


def test_a_lora_is_merged() -> None:
    network = tiny.lively("v3")
    base = arrays(network)
    adapters.adapt(network, 2)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.mul_(1.1).add_(0.05)
    changes = {name: tensor.numpy().copy() for name, tensor in adapters.lora_weights(network).items()}
    assert lora.rank(changes) == 2
    torch.testing.assert_close(made(load_network(tiny.LIKE_V3, base, changes)), made(network), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("bridge.bias"), "bridge.bias: is missing"),
        (lambda w: w.update({"bridge.scale": w["bridge.bias"]}), "bridge.scale: is no tensor"),
        (lambda w: w.update({"bridge.bias": w["bridge.bias"][:3]}), "bridge.bias: has shape"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(change: Callable, message: str) -> None:
    weights = arrays(tiny.lively("v3"))
    change(weights)
    with pytest.raises(VoiceError, match=message) as refusal:
        load_network(tiny.LIKE_V3, weights)
    assert refusal.value.field.startswith(SOVITS)


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("flow", [tiny.FLOW_V3, tiny.FLOW_V4], ids=["v3", "v4"])
def test_a_vocoder_is_loaded_with_or_without_weight_norm(flow: object, folded: bool) -> None:
    vocoder = vocoders.build(flow.mel_bands, flow.vocoder)
    tiny.enliven(vocoder)
    mel = torch.randn(1, 6, 5)
    with torch.no_grad():
        expected = vocoder(mel)
        if folded:
            fold_weight_norm(vocoder)
        torch.testing.assert_close(load_vocoder(flow, arrays(vocoder))(mel), expected, atol=1e-5, rtol=1e-4)


def test_a_vocoder_of_the_other_family_is_refused() -> None:
    vocoder = vocoders.build(6, tiny.FLOW_V4.vocoder)
    with pytest.raises(VoiceError, match="weights/vocoder"):
        load_vocoder(tiny.FLOW_V3, arrays(vocoder))

"""LoRA: merged it is the network that learned; what does not belong together is refused by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from core_model.diffusion import adapters, lora
from core_model.diffusion.synthesizer import FlowMatchingSoVITS
from core_model.errors import VoiceError
from core_model.upstream import names
from tests.core_model.diffusion import tiny

QUERY = "transformer.blocks.0.attention.query"


def arrays(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.numpy().copy() for name, tensor in state.items()}


def learned(rank: int = 3) -> tuple[dict[str, np.ndarray], FlowMatchingSoVITS]:
    """The base, and a network adapted from it that has learned something everywhere it may."""
    network = tiny.lively("v3")
    base = arrays(network.state_dict())
    adapters.adapt(network, rank)
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return base, network


def velocity(network: FlowMatchingSoVITS) -> torch.Tensor:
    transformer = network.transformer
    generator = torch.Generator().manual_seed(1)
    noisy, prompt = (torch.randn(1, 9, 6, generator=generator) for _ in range(2))
    text = transformer.embed_text(torch.randn(1, 9, 12, generator=generator))
    half = torch.full((1,), 0.5)
    return transformer(noisy, prompt, text, transformer.moment(half, half))


def test_merged_it_says_what_the_adapted_network_says() -> None:
    base, network = learned()
    merged = FlowMatchingSoVITS(tiny.LIKE_V3).eval()
    weights = lora.merge(base, arrays(adapters.lora_weights(network)))
    merged.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=True)
    unchanged = tiny.lively("v3")
    with torch.no_grad():
        torch.testing.assert_close(velocity(merged), velocity(network), atol=1e-5, rtol=1e-4)
        assert (velocity(merged) - velocity(unchanged)).abs().max() > 0.01
    for name, tensor in network.state_dict().items():
        if name.startswith(adapters.TRAINED_WHOLE):
            assert torch.equal(merged.state_dict()[name], tensor)


def test_merging_leaves_the_base_as_it_is() -> None:
    base, network = learned()
    before = {name: array.copy() for name, array in base.items()}
    lora.merge(base, arrays(adapters.lora_weights(network)))
    assert all(np.array_equal(base[name], before[name]) for name in before)


def test_half_precision_is_merged_in_float32() -> None:
    base, network = learned()
    half = {name: array.astype(np.float16) for name, array in base.items()}
    changes = {name: array.astype(np.float16) for name, array in arrays(adapters.lora_weights(network)).items()}
    merged = lora.merge(half, changes)[f"{QUERY}.weight"]
    up, down = (changes[f"{QUERY}.{part}"].astype(np.float32) for part in ("up", "down"))
    assert merged.dtype == np.float32
    np.testing.assert_allclose(merged, half[f"{QUERY}.weight"].astype(np.float32) + up @ down, atol=1e-6)


def test_a_fresh_adapter_changes_nothing() -> None:
    network = tiny.lively("v3")
    with torch.no_grad():
        before = velocity(network)
        assert torch.equal(velocity(adapters.adapt(network, 2)), before)


def test_only_what_a_lora_trains_gets_a_gradient() -> None:
    network = adapters.adapt(tiny.lively("v3"), 2)
    learning = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    pairs = {name for name in learning if name.endswith((".down", ".up"))}
    assert len(pairs) == 2 * 4 * 2
    assert all(name.startswith(adapters.TRAINED_WHOLE) for name in learning - pairs)
    assert any(name.startswith("style_encoder.") for name in learning)


def test_names_are_those_of_upstreams_two_files() -> None:
    """Every tensor of the state has a name in upstream's training state, every one of the LoRA in its LoRA file."""
    _, network = learned()
    for kind, state in (("lora_training", network.state_dict()), ("lora", adapters.lora_weights(network))):
        for name in state:
            assert names.to_ours(kind, names.to_upstream(kind, name)) == name


def test_rank() -> None:
    base, network = learned(rank=5)
    changes = arrays(adapters.lora_weights(network))
    assert lora.rank(changes) == 5
    with pytest.raises(VoiceError, match="ranks"):
        lora.rank(changes | {f"{QUERY}.down": changes[f"{QUERY}.down"][:2]})
    with pytest.raises(VoiceError, match="ranks"):
        lora.rank(base)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop(f"{QUERY}.up"), "counterpart"),
        (lambda c: c.pop(f"{QUERY}.down"), "counterpart"),
        (lambda c: c.update({f"{QUERY}.up": c[f"{QUERY}.up"][:, :2]}), "do not fit"),
        (lambda c: c.update({f"{QUERY}.down": c[f"{QUERY}.down"][0]}), "do not fit"),
        (lambda c: c.update({"bridge.weight": c["bridge.weight"][:3]}), "another shape"),
        (lambda c: c.update({"bridge.scale": c["bridge.bias"]}), "bridge.scale"),
        (lambda c: c.update({"bridge.down": c["bridge.bias"], "bridge.up": c["bridge.bias"]}), "do not fit"),
        (lambda c: c.update({"nowhere.down": c["bridge.bias"], "nowhere.up": c["bridge.bias"]}), "not in the base"),
    ],
)
def test_what_does_not_belong_together_is_refused(change: Callable, message: str) -> None:
    base, network = learned()
    changes = arrays(adapters.lora_weights(network))
    change(changes)
    with pytest.raises(VoiceError, match=message):
        lora.merge(base, changes)

"""Both forms of weight norm and spectral norm, each made by torch itself, say the same after being renamed."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations

from core_model.errors import CheckpointError
from core_model.upstream.norms import to_hooks, to_parametrized

LAYERS: dict[str, Callable[[], nn.Module]] = {
    "conv": lambda: nn.Conv1d(3, 5, 3),
    "transposed": lambda: nn.ConvTranspose1d(3, 5, 4, 2),
    "linear": lambda: nn.Linear(3, 5),
    "conv2d": lambda: nn.Conv2d(3, 5, (3, 1)),
}
SOUND = {"conv": (2, 3, 9), "transposed": (2, 3, 9), "linear": (2, 3), "conv2d": (2, 3, 9, 2)}


def normed(kind: str, form: str, layer: str, seed: int) -> nn.Sequential:
    """A network with one normed layer; trained for a step, so that no part is as it began."""
    torch.manual_seed(seed)
    plain = LAYERS[layer]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the hooks are deprecated: that is why they are converted
        source = nn.utils if form == "hooks" else parametrizations
        network = nn.Sequential(nn.Identity(), getattr(source, kind)(plain))
    optimizer = torch.optim.SGD(network.parameters(), 0.5)
    network(torch.randn(SOUND[layer])).square().sum().backward()
    optimizer.step()
    return network.eval()


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
@pytest.mark.parametrize("into", ["hooks", "parametrized"])
def test_a_network_in_one_form_says_the_same_in_the_other(kind: str, layer: str, into: str) -> None:
    source = normed(kind, "parametrized" if into == "hooks" else "hooks", layer, 1)
    target = normed(kind, into, layer, 2)
    renamed = (to_hooks if into == "hooks" else to_parametrized)(source.state_dict())
    assert list(renamed) != list(source.state_dict())
    sound = torch.randn(SOUND[layer])
    assert not torch.allclose(target(sound), source(sound), atol=1e-3)
    target.load_state_dict(renamed, strict=True)
    torch.testing.assert_close(target(sound), source(sound), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_there_and_back(kind: str) -> None:
    old = normed(kind, "hooks", "conv", 1).state_dict()
    new = normed(kind, "parametrized", "conv", 1).state_dict()
    assert list(to_hooks(to_parametrized(old))) == list(old)
    assert list(to_parametrized(to_hooks(new))) == list(new)
    assert to_hooks(old) == dict(old) and to_parametrized(new) == dict(new)


def test_torch_itself_knows_one_way_of_four() -> None:
    """If this fails, torch has learnt more, and norms.py may be needed less."""
    ways = {}
    for kind in ("weight_norm", "spectral_norm"):
        for form, other in (("hooks", "parametrized"), ("parametrized", "hooks")):
            target = normed(kind, other, "conv", 2)
            try:
                target.load_state_dict(normed(kind, form, "conv", 1).state_dict(), strict=True)
                ways[kind, form] = True
            except RuntimeError:
                ways[kind, form] = False
    assert [way for way, works in ways.items() if works] == [("weight_norm", "hooks")]


def test_a_tensor_that_only_sounds_like_a_part_keeps_its_name() -> None:
    alone = {"a.weight_v": 1, "b.weight_u": 2, "c.weight_orig": 3, "weight_g": 4}
    assert to_parametrized(alone) == alone


def test_both_forms_at_once_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"a\.weight_g is there in both forms"):
        to_hooks({"a.weight_g": 1, "a.parametrizations.weight.original0": 2})


@given(st.lists(st.text("ab._", max_size=6), unique=True))
def test_names_of_no_norm_are_never_touched(names: list[str]) -> None:
    tensors = {name: np.zeros(1) for name in names}
    assert to_hooks(tensors) == tensors and list(to_parametrized(tensors)) == names

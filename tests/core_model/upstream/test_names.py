"""Names: a bijection over every tensor of every family, and onto what our networks really call theirs."""

from __future__ import annotations

import pytest

from core_model.errors import CheckpointError
from core_model.gpt import GPT, GPTDims
from core_model.upstream import names, shapes
from tests.core_model.upstream.crafted import TINY_GPT

LISTS = {
    "gpt": [shapes.gpt(**TINY_GPT), shapes.gpt(732, 1025, 512, 24, 1024)],
    "sovits": [shapes.sovits(numbers, posterior=True) for numbers in shapes.SOVITS.values()],
    "discriminator": [shapes.discriminator(periods) for periods in shapes.DISCRIMINATORS.values()],
}
ALL = [(kind, tensors) for kind, lists in LISTS.items() for tensors in lists]


@pytest.mark.parametrize(("kind", "tensors"), ALL, ids=[f"{kind}-{len(tensors)}" for kind, tensors in ALL])
def test_there_and_back(kind: str, tensors: dict[str, tuple[int, ...]]) -> None:
    table = names.all_to_ours(kind, tensors)
    assert len(set(table.values())) == len(tensors)
    assert [names.to_upstream(kind, ours) for ours in table.values()] == list(tensors)


def test_gpts_names_and_shapes_are_those_of_our_network() -> None:
    ours = {name: tuple(value.shape) for name, value in GPT(GPTDims(**TINY_GPT, heads=2)).state_dict().items()}
    theirs = shapes.gpt(**TINY_GPT)
    assert {names.to_ours("gpt", name): shape for name, shape in theirs.items()} == ours


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("gpt", "model.h.layers.00.norm1.weight"),
        ("gpt", "model.h.layers.x.norm1.weight"),
        ("gpt", "model.h.layers.0.norm3.weight"),
        ("gpt", "h.layers.0.norm1.weight"),
        ("gpt", "model.h.layers.0.norm1.weight "),
        ("gpt", "xmodel.ar_predict_layer.weight"),
        ("gpt", ""),
        ("sovits", "cfm.estimator.proj.weight"),
        ("speaker", "x"),
    ],
)
def test_a_name_that_is_in_no_table_is_refused(kind: str, name: str) -> None:
    with pytest.raises(CheckpointError):
        names.to_ours(kind, name)


def test_our_unknown_names_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"blocks\.0\.extra"):
        names.to_upstream("gpt", "blocks.0.extra")

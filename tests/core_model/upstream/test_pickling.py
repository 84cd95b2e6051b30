"""Pickles written without the pickle module: the bytes that torch writes, and what our reader makes of them."""

from __future__ import annotations

import io
import json
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core_model.errors import CheckpointError
from core_model.upstream import unpickle
from core_model.upstream.pickling import HParams, Ordered, dumps, hparams
from tests.core_model.upstream import crafted

ODD = {
    "names twice": {"version": "v2", "name": "version", "lora_rank": "32"},
    "integers": [0, 255, 256, 65535, 65536, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**64, -(2**255)],
    "numbers": [0.0, -0.0, 1e-9, 5e-324, 1.7976931348623157e308],
    "one": [1],
    "none": [],
    "nothing": {},
    "nested": [[[]], [{"a": [{}]}], None, True, False],
    "texts": ["", "声", "\U0001f600", "a\nb\0c", "x" * 300],
    "long": list(range(2500)),
}


def pickle_of(content: object) -> bytes:
    """The pickle that torch itself writes for *content*."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with zipfile.ZipFile(buffer) as archive:
        return archive.read("archive/data.pkl")


def test_the_pickle_of_a_voice_is_torchs_own_to_the_byte() -> None:
    arrays = {f"layer.{n}": np.full((n % 3 + 1,) * (n % 5), n, np.float16) for n in range(1100)}
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    text = '{"train": {"lora_rank": "32", "betas": [0.8, 1]}, "model": {"version": "v2"}, "version": "v2"}'
    config = json.loads(text)  # as upstream reads it: two values alike are two objects, while two attributes are one
    theirs = pickle_of(
        OrderedDict(weight=tensors, config=crafted.hparams(config), info="8epoch_400iteration", lora_rank=32)
    )
    ours = dumps(Ordered(weight=arrays, config=hparams(config), info="8epoch_400iteration", lora_rank=32))
    assert ours.data == theirs
    assert [array.ndim for array in ours.storages] == [array.ndim for array in arrays.values()]


def test_the_pickle_of_a_gpt_is_torchs_own_to_the_byte() -> None:
    tensors, file = crafted.tiny_gpt()
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        theirs = archive.read("archive/data.pkl")
    assert dumps(Ordered(weight=Ordered(tensors), config=crafted.CONFIG, info="GPT-e15")).data == theirs


def test_odd_values_come_back_as_they_were() -> None:
    assert unpickle.read(dumps(ODD).data).root == ODD
    found = unpickle.read(dumps(Ordered(config=hparams(ODD))).data).root
    assert found == {"config": ODD}
    zero = unpickle.read(dumps([-0.0]).data).root
    assert str(zero) == "[-0.0]"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


@given(VALUES)
def test_whatever_a_configuration_holds_comes_back(value: object) -> None:
    assert unpickle.read(dumps(value).data).root == value


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_whatever_hparams_hold_comes_back(values: dict[str, object]) -> None:
    assert unpickle.read(dumps(hparams(values)).data).root == values


def test_dicts_become_hparams_all_the_way_down_but_not_inside_lists() -> None:
    """As GPT-SoVITS makes them: it looks into dicts only."""
    made = hparams({"a": {"b": {"c": 1}}, "d": [{"e": 1}]})
    inner = made["a"]
    assert type(inner) is HParams and type(inner["b"]) is HParams
    assert type(made["d"][0]) is dict  # type: ignore[index]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ((1,), "a tuple has no place"),
        (b"x", "a bytes has no place"),
        ({1: "x"}, "1 cannot be a name"),
        (np.zeros(2), "a tensor of float64 has no place"),
        (1 << 2100, "an integer of 2101 bits"),
    ],
)
def test_what_has_no_place_in_a_checkpoint_is_refused(value: object, sentence: str) -> None:
    with pytest.raises(CheckpointError, match=sentence):
        dumps(value)

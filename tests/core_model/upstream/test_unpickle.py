"""The pickle machine: four names and plain data come out; everything else is refused, and nothing ever runs."""

from __future__ import annotations

import contextlib
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core_model.errors import CheckpointError, UnsafePickleError
from core_model.upstream import unpickle
from core_model.upstream.unpickle import Storage, TensorPlan
from tests.core_model.upstream import crafted
from tests.core_model.upstream.crafted import program, storage, tensor, text, weights, whole

HALF = np.dtype("<f2")
NAMES = list(crafted.hostile(Path("nowhere")))

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=30,
)


@given(plain)
def test_plain_data_comes_out_as_it_went_in(value: object) -> None:
    assert unpickle.read(pickle.dumps(value, protocol=2)).root == value


@pytest.mark.parametrize("name", NAMES)
def test_hostile_pickles_are_refused_by_name_and_never_run(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafePickleError) as refusal:
        unpickle.read(crafted.hostile(tmp_path)[name])
    assert refusal.value.names
    assert not unpickle.ALLOWED & set(refusal.value.names)
    assert not (tmp_path / "ran").exists()


def test_a_hostile_pickle_would_have_run(tmp_path: Path) -> None:
    """The canary sings where the pickle module opens the same bytes."""
    pickle.loads(crafted.hostile(tmp_path)["os.system, protocol 2"])
    assert (tmp_path / "ran").exists()


def test_the_refusal_lists_every_name() -> None:
    hostile = [crafted.Call(eval, "1"), crafted.Call(getattr, 1, "real"), OrderedDict()]
    with pytest.raises(UnsafePickleError) as refusal:
        unpickle.read(pickle.dumps(hostile, protocol=2))
    assert refusal.value.names == ("__builtin__.eval", "__builtin__.getattr")
    assert "eval" in str(refusal.value)


TRICKS = {
    "an allowed class called with arguments": program(b"ccollections\nOrderedDict\n", text("x"), b"\x85R"),
    "a storage type called": program(b"ctorch\nHalfStorage\n)R"),
    "HParams called instead of made": program(b"cutils\nHParams\n)R"),
    "an OrderedDict made instead of called": program(b"ccollections\nOrderedDict\n)\x81"),
    "a value called": program(text("x"), b")R"),
    "a dict given a state": program(b"}}", text("a"), b"Nsb"),
    "a tensor given a state": program(tensor((4,), (1,)), b"}", text("a"), b"Nsb"),
    "HParams given a state twice": program(b"cutils\nHParams\n)\x81}", text("a"), b"Nsb}", text("b"), b"Nsb"),
    "HParams given a state with other keys than names": program(b"cutils\nHParams\n)\x81}K\x01Nsb"),
    "items of HParams": program(b"cutils\nHParams\n)\x81", text("a"), b"Ns"),
    "a tuple as a key": program(b"}", text("a"), b"\x85Ns"),
    "a key twice": program(b"}", text("a"), b"N", b"s", text("a"), b"Ns"),
    "appending to a dict": program(b"}Na"),
    "an odd number of items": program(b"}(", text("a"), b"u"),
    "a recall of what was never kept": program(b"h\x07"),
    "an empty stack": program(b"\x85"),
    "no mark": program(b"t"),
    "an open mark": program(b"(N"),
    "two objects": program(b"NN"),
    "nothing": program(),
    "no end": b"\x80\x02N",
    "bytes behind the end": program(b"N") + b"N.",
    "an extension registry": program(b"\x82\x01"),
    "bytes": pickle.dumps(b"abc", protocol=3),
    "a set": pickle.dumps({1}, protocol=4),
    "text of protocol 0": b"S'x'\n.",
    "an empty file": b"",
    "a reference to something else": program(b"(", text("module"), b"NNtQ"),
    "a reference by text": b"Pabc\n.",
    "a storage of another type": program(storage(kind="OrderedDict")).replace(b"ctorch\nO", b"ccollections\nO"),
    "a storage of negative length": program(storage(count=-1)),
}


@pytest.mark.parametrize("name", TRICKS)
def test_what_torch_never_writes_is_refused(name: str) -> None:
    with pytest.raises(CheckpointError):
        unpickle.read(TRICKS[name])


def plan_of(opcodes: bytes) -> TensorPlan:
    root = unpickle.read(weights(opcodes)).root
    assert isinstance(root, dict)
    return root["weight"]["x"]


def test_a_tensor_is_a_plan_inside_its_storage() -> None:
    plan = plan_of(tensor((2, 3), (1, 2), offset=1, source=storage("9", 8)))
    assert plan == TensorPlan(Storage("9", HALF, 8), 1, (2, 3), (1, 2))
    np.testing.assert_array_equal(plan.view(np.arange(8, dtype=HALF)), [[1, 3, 5], [2, 4, 6]])
    scalar = plan_of(tensor((), (), offset=7, source=storage("9", 8)))
    assert scalar.view(np.arange(8, dtype=HALF)) == 7
    assert plan_of(tensor((0, 3), (3, 1))).view(np.zeros(4, HALF)).shape == (0, 3)


BEYOND = {
    "one value too many": tensor((5,), (1,)),
    "an offset that pushes it out": tensor((4,), (1,), offset=1),
    "an offset behind an empty tensor": tensor((0,), (1,), offset=5),
    "a stride that leaps out": tensor((2, 2), (3, 1)),
    "a negative stride": tensor((4,), (-1,), offset=3),
    "a negative offset": tensor((1,), (1,), offset=-1),
    "a negative size": tensor((-1,), (1,)),
    "a size beyond 64 bits whose product wraps": tensor((2**62, 4), (1, 1)),
    "a gigabyte of one value": tensor((2**30,), (0,)),
    "more strides than sizes": tensor((2,), (1, 1)),
    "nine dimensions": tensor((1,) * 9, (1,) * 9),
    "a storage that is text": tensor((1,), (1,), source=text("x")),
    "a bool as an offset": tensor((1,), (1,)).replace(storage() + whole(0), storage() + b"\x88"),
}


@pytest.mark.parametrize("name", BEYOND)
def test_tensors_that_reach_beyond_their_storage_are_refused(name: str) -> None:
    with pytest.raises(CheckpointError):
        plan_of(BEYOND[name])


@settings(max_examples=300)
@given(
    count=st.integers(0, 40),
    offset=st.integers(0, 40),
    dims=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=4),
)
def test_a_plan_is_granted_exactly_when_every_value_lies_inside(
    count: int, offset: int, dims: list[tuple[int, int]]
) -> None:
    """Against the slow way: list the place of every value."""
    shape, strides = tuple(n for n, _ in dims), tuple(s for _, s in dims)
    places = [offset + sum(np.multiply(index, strides)) for index in np.ndindex(shape)]
    inside = len(places) <= count and (max(places) < count if places else offset <= count)
    opcodes = tensor(shape, strides, offset, storage("0", count))
    if inside:
        assert plan_of(opcodes).view(np.arange(count, dtype=HALF)).ravel().tolist() == places
    else:
        with pytest.raises(CheckpointError):
            plan_of(opcodes)


def test_depth_does_not_overrun_the_interpreter() -> None:
    deep = b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."
    assert isinstance(unpickle.read(deep).root, list)
    with pytest.raises(CheckpointError, match="key"):
        unpickle.read(b"\x80\x02}" + b")" + b"\x85" * 100_000 + b"Ns.")


def test_a_far_memo_costs_nothing() -> None:
    """The pickle module in C would reserve 32 GiB for this index."""
    assert unpickle.read(program(b"N", b"r\xff\xff\xff\xff")).root is None


GENUINE = pickle.dumps({"weight": [1, 2.5, "x", None, (True,)], "info": OrderedDict(a=1)}, protocol=2)


@settings(max_examples=300)
@given(st.binary(max_size=60))
@example(b"\x80\x02")
def test_random_bytes_are_refused_or_read_never_worse(data: bytes) -> None:
    with contextlib.suppress(CheckpointError):
        unpickle.read(data)


@settings(max_examples=300)
@given(st.integers(0, len(GENUINE) - 1), st.integers(0, 255))
@example(GENUINE.index(b"ollections"), ord("\\"))  # an escape that no one knows
def test_a_changed_byte_is_refused_or_read_never_worse(place: int, byte: int) -> None:
    changed = GENUINE[:place] + bytes([byte]) + GENUINE[place + 1 :]
    with contextlib.suppress(CheckpointError):
        unpickle.read(changed)

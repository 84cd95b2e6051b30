"""The scan: sees what Python's own unpickler would import, follows every opcode, and gives up within its budget."""

from __future__ import annotations

import contextlib
import io
import pickle
import pickletools
import time
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core_model.upstream import pickle_scan
from core_model.upstream.pickle_scan import UNKNOWABLE, Budget, Made, Scan, Tensor, scan_pickle
from tests.core_model.upstream import crafted
from tests.core_model.upstream.crafted import program, text
from tests.core_model.upstream.test_unpickle import plain


def scan(data: bytes) -> Scan:
    return scan_pickle(data, Budget())


class Anything(dict):
    """Stands for whatever a pickle imports: may be called, made, built, filled."""

    def __init__(self, *arguments: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        pass


class Recorder(pickle.Unpickler):
    """Python's own unpickler, which writes down what it would import and imports nothing."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.asked: set[str] = set()

    def find_class(self, module: str, name: str) -> object:
        self.asked.add(f"{module}.{name}")
        return Anything

    def persistent_load(self, pid: object) -> object:
        return None


@pytest.mark.parametrize("protocol", range(6))
@given(value=plain)
def test_plain_data_comes_out_as_it_went_in(protocol: int, value: object) -> None:
    data = pickle.dumps(value, protocol)
    found = scan(data)
    assert found.complete
    assert found.names == ()
    assert found.end == len(data)
    assert not found.calls
    assert found.root == value


@pytest.mark.parametrize("name", [name for name in crafted.hostile(Path("x")) if "INST" not in name])
def test_it_sees_what_pythons_own_unpickler_would_import(name: str, tmp_path: Path) -> None:
    """In the old protocols the unpickler renames modules; the names after the dot are the same."""
    data = crafted.hostile(tmp_path)[name]
    recorder = Recorder(data)
    with contextlib.suppress(Exception):  # a name of several parts cannot be made; what was asked for is the point
        recorder.load()
    assert recorder.asked
    found = {asked.rpartition(".")[2] for asked in scan(data).names}
    assert {asked.rpartition(".")[2] for asked in recorder.asked} <= found


def test_every_opcode_that_python_knows_is_followed() -> None:
    """By an action of its own, or by what Python's table says it takes and gives."""
    assert {opcode.name for opcode in pickletools.opcodes} == set(pickle_scan._TABLE)
    assert set(pickle_scan._ACTIONS) <= set(pickle_scan._TABLE)


def test_what_torch_saves_is_seen_with_its_shapes() -> None:
    content = {
        "a": torch.zeros(2, 3).half(),
        "p": torch.nn.Parameter(torch.zeros(4)),
        "config": crafted.hparams({"v": 1}),
    }
    entry = {}
    crafted.rezipped(crafted.saved(content), lambda name, data: entry.setdefault(name.rpartition("/")[2], (name, data)))
    found = scan(entry["data.pkl"][1])
    assert found.root["a"] == Tensor("0", "HalfStorage", 6, (2, 3))
    assert found.root["p"].shape == (4,)
    assert isinstance(found.root["config"], Made)
    assert (found.root["config"].path, found.root["config"].state) == ("utils.HParams", {"v": 1})


NAMES = {
    "GLOBAL": (program(b"cos\nsystem\n"), "os.system"),
    "STACK_GLOBAL": (program(text("os"), text("system"), b"\x93"), "os.system"),
    "STACK_GLOBAL out of the memo": (program(text("os"), b"\x94", text("system"), b"\x940h\x00h\x01\x93"), "os.system"),
    "STACK_GLOBAL behind a DUP": (program(text("os"), b"2\x93"), "os.os"),
    "STACK_GLOBAL of what a call returns": (program(text("os"), b"ca\nb\n)R\x93"), UNKNOWABLE),
    "INST": (b"(ios\nsystem\n.", "os.system"),
    "OBJ": (b"(cos\nsystem\no.", "os.system"),
    "EXT1": (program(b"\x82\x07"), "number 7 of the registry of extensions (copyreg)"),
    "a name that is never called": (program(b"cos\nsystem\n0N"), "os.system"),
    "a name behind what the stack cannot give": (program(b"R", b"cos\nsystem\n"), "os.system"),
    "a name before the end is missing": (program(b"cos\nsystem\n")[:-1], "os.system"),
    "a name before an unknown opcode": (program(b"cos\nsystem\n") + b"\xff", "os.system"),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_way_to_ask_for_a_name(name: str) -> None:
    data, asked = NAMES[name]
    assert asked in scan(data).names


INCOMPLETE = {
    "nothing": b"",
    "no end": b"\x80\x02N",
    "an unknown opcode": b"\x80\x02\xff.",
    "an empty stack": program(b"a"),
    "no mark": program(b"t"),
    "a memo that was never kept": program(b"h\x07"),
    "a mark where a value should stand": program(b"(\x85"),
    "too many instructions": b"\x80\x02" + b"N0" * 500_000 + b"N.",
    "too many names": b"\x80\x02" + b"".join(b"ca%d\nb\n0" % n for n in range(2000)) + b"N.",
    "a number of a million digits": b"I" + b"9" * 1_000_000 + b"\n.",
}


@pytest.mark.parametrize("name", INCOMPLETE)
def test_what_cannot_be_followed_says_so(name: str) -> None:
    found = scan(INCOMPLETE[name])
    assert not found.complete
    assert found.root is None


BOMBS = {
    "nested tuples": b"\x80\x02)" + b"\x85" * 240_000 + b".",
    "nested lists": b"\x80\x02" + b"]" * 120_000 + b"a" * 119_999 + b".",
    "marks": b"\x80\x02" + b"(" * 240_000 + b"N.",
    "marks closed again": b"\x80\x02" + b"(" * 120_000 + b"t" * 120_000 + b".",
    "a far memo": program(b"N", b"r\xff\xff\xff\xff"),
    "a text of 7 MB": b"\x80\x02X" + (7_000_000).to_bytes(4, "little") + b"a" * 7_000_000 + b".",
    "a number of 7 MB": b"\x80\x02\x8b" + (7_000_000).to_bytes(4, "little") + b"\x7f" * 7_000_000 + b".",
    "a length that is not there": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f" + b"a.",
    "objects in objects": b"\x80\x02" + b"ca\nb\n)R" * 30_000 + b"}(X\x01\x00\x00\x00aNub" * 1 + b"b" * 20_000 + b".",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_soon(name: str) -> None:
    started = time.process_time()
    scan(BOMBS[name])
    assert time.process_time() - started < 2  # half a second where nothing else runs


def test_sizes_that_nobody_could_print_are_no_sizes() -> None:
    huge = crafted.storage(count=1).replace(
        b"J\x01\x00\x00\x00", b"\x8b" + (5000).to_bytes(4, "little") + b"\x7f" * 5000
    )
    found = scan(crafted.weights(crafted.tensor((1,), (1,), source=huge)))
    assert found.complete
    assert isinstance(found.root["weight"]["x"], Made)


def test_the_budget_is_shared_by_all_pickles_of_a_file() -> None:
    budget = Budget(10)
    assert scan_pickle(pickle.dumps([1]), budget).complete
    assert not scan_pickle(pickle.dumps([1] * 20), budget).complete


@settings(max_examples=400)
@given(st.binary(max_size=80))
def test_random_bytes_always_give_an_answer(data: bytes) -> None:
    assert isinstance(scan(data), Scan)
    assert isinstance(scan(b"\x80\x04" + data), Scan)


GENUINE = pickle.dumps(
    {"weight": [1, 2.5, "x", None, (True,)], "info": OrderedDict(a=crafted.Call(print, 1))}, protocol=2
)


@settings(max_examples=300)
@given(st.integers(0, len(GENUINE) - 1), st.integers(0, 255))
def test_a_changed_byte_always_gives_an_answer(place: int, byte: int) -> None:
    assert isinstance(scan(GENUINE[:place] + bytes([byte]) + GENUINE[place + 1 :]), Scan)


FRAME = b"\x95\x04" + bytes(7)
OPCODES = [b"cos\nsystem\n", b"ios\nsystem\n", b"\x8c\x02os", b"\x8c\x06system", b"\x93", b"(", b"t", b")", b"R"]
OPCODES += [b"0", b"1", b"2", b"N", b"}", b"]", b"a", b"e", b"s", b"u", b"b", b"o", b"d", b"l", b"\x81", b"\x92"]
OPCODES += [b"\x94", b"q\x01", b"h\x00", b"h\x01", b"\x85", b"\x86", b"\x8f", b"\x90", b"\x91", b"Q", b".", FRAME]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(OPCODES), max_size=14))
@example([FRAME, b"N", b"cos\nsystem\n"])
def test_no_program_hides_a_name_from_the_scan(opcodes: list[bytes]) -> None:
    """Whatever Python's unpickler got to before it failed, a complete scan has seen."""
    data = b"\x80\x04" + b"".join(opcodes) + b"."
    recorder = Recorder(data)
    with contextlib.suppress(Exception):  # any failure of a nonsense program; what it asked for before is the point
        recorder.load()
    found = scan(data)
    assert recorder.asked <= set(found.names) or FRAME in opcodes
    assert recorder.asked <= set(found.names) or not found.complete


def test_frames_that_python_writes_are_followed_and_others_are_not() -> None:
    data = pickle.dumps([b"x" * 70_000, "y" * 70_000, *range(99)], 4)
    assert b"\x95" in data
    assert scan(data).complete
    assert not scan(b"\x80\x04" + FRAME + b"cos\nsystem\n.").complete
    assert not scan(b"\x80\x04" + FRAME + b"N.").complete, "the frame is longer than the pickle"
    assert not scan(b"\x80\x04" + FRAME + b"N" + FRAME + b"NN.").complete

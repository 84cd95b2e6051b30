"""torch's form from before 1.6: read as torch reads it, and refused wherever it is not what torch wrote."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core_model.errors import CheckpointError, UnsafePickleError
from core_model.upstream.checkpoint import read_checkpoint, read_outline, read_tensors
from tests.core_model.upstream import crafted
from tests.core_model.upstream.crafted_files import legacy, tensors

VALUES = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a.half": np.arange(5, dtype=np.float16),
    "a.count": np.array(7),
    "a.empty": np.zeros((0, 3), np.float32),
}
FILE = legacy(OrderedDict(tensors(VALUES)))


def written(directory: Path, content: bytes) -> Path:
    path = directory / "x.bin"
    path.write_bytes(content)
    return path


def test_tensors_come_back_to_the_last_bit(tmp_path: Path) -> None:
    found = read_tensors(written(tmp_path, FILE))
    assert list(found) == list(VALUES)
    for name, value in torch.load(io.BytesIO(FILE), weights_only=True).items():
        assert found[name].dtype == VALUES[name].dtype
        np.testing.assert_array_equal(found[name], value.numpy())


def test_views_of_one_storage_and_other_strides(tmp_path: Path) -> None:
    both = torch.arange(12.0)
    content = {"first": both[:4], "rest": both[4:].view(2, 4).t()}
    found = read_tensors(written(tmp_path, legacy(content)))
    for name, value in content.items():
        np.testing.assert_array_equal(found[name], value.numpy())


def test_a_checkpoint_of_gpt_sovits_in_the_old_form(tmp_path: Path) -> None:
    values = crafted.tiny_gpt()[0]
    content = OrderedDict(weight=OrderedDict(tensors(values)), config=crafted.CONFIG, info="GPT-e15")
    path = written(tmp_path, legacy(content))
    found = read_checkpoint(path)
    assert (found.kind, found.head, found.info, found.config) == ("gpt", "PK", "GPT-e15", crafted.CONFIG)
    for name, value in values.items():
        np.testing.assert_array_equal(found.tensors[name], value)
    assert read_outline(path).finding.kind == "gpt"


def replaced(old: bytes, new: bytes) -> bytes:
    assert old in FILE
    return FILE.replace(old, new, 1)


REFUSED = {
    "a byte too few": (FILE[:-1], "1 bytes are missing"),
    "a byte too many": (FILE + b"x", "bytes behind it"),
    "only its pickles": (FILE[: FILE.rindex(b"e.") + 2], "bytes are missing"),
    "a big-endian machine": (replaced(b"little_endianq\x02\x88", b"little_endianq\x02\x89"), "little-endian"),
    "another protocol": (replaced(b"M\xe9\x03.", b"M\xe8\x03."), "does not start as one of torch"),
    "another dtype": (replaced(b"HalfStorage", b"ByteStorage"), "torch.ByteStorage"),
    "a call": (legacy({"weight": crafted.Call(print, "x")}), "builtin.*print"),
    "cut in its pickles": (FILE[:150], "malformed|does not end"),
    "cut behind its magic": (FILE[:20], "malformed|does not end"),
    "a key that no tensor has": (FILE[: FILE.rindex(b"\x80\x02]")] + pickle.dumps(["z"], 2), "belongs to no tensor"),
    "no keys": (FILE[: FILE.rindex(b"\x80\x02]")] + pickle.dumps({}, 2), "list of storages is none"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_torch_would_not_have_written_is_refused(name: str, tmp_path: Path) -> None:
    content, sentence = REFUSED[name]
    with pytest.raises(CheckpointError, match=sentence):
        read_tensors(written(tmp_path, content))


def test_a_call_is_unsafe_and_never_made(tmp_path: Path) -> None:
    content = legacy({"weight": crafted.Call(exec, f"open({str(tmp_path / 'ran')!r}, 'w')")})
    with pytest.raises(UnsafePickleError):
        read_tensors(written(tmp_path, content))
    assert not (tmp_path / "ran").exists()


def test_a_count_that_contradicts_its_description_is_refused(tmp_path: Path) -> None:
    place = FILE.rindex(b"e.") + 2
    changed = FILE[:place] + (99).to_bytes(8, "little") + FILE[place + 8 :]
    with pytest.raises(CheckpointError, match="has 99 values, where"):
        read_tensors(written(tmp_path, changed))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(place=195, byte=40)  # a backslash in a name
@given(place=st.integers(0, len(FILE) - 1), byte=st.integers(1, 255))
def test_a_changed_byte_is_refused_or_changes_only_values(place: int, byte: int, tmp_path: Path) -> None:
    """The old form has no checksums: damage to values cannot be seen."""
    changed = bytearray(FILE)
    changed[place] ^= byte
    try:
        found = read_tensors(written(tmp_path, bytes(changed)))
    except CheckpointError:
        return
    assert all(value.nbytes < 100 for value in found.values())

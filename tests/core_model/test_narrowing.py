"""Narrowed weights: the same values, fewer bytes, and the original back to the last bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import load_file, save

from core_model.errors import VoiceError
from core_model.narrowing import narrow, widen

FLOATS = st.sampled_from([np.dtype("<f4"), np.dtype("<f8")])


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for all examples."""
    return tmp_path_factory.mktemp("narrowing")


def there_and_back(scratch: Path, content: bytes) -> tuple[Path, bool]:
    """Write, narrow, widen; the original must come back. The narrowed file, and whether it was narrowed."""
    original, small, again = scratch / "x.safetensors", scratch / "small.safetensors", scratch / "again.safetensors"
    for path in (small, again):
        path.unlink(missing_ok=True)
    original.write_bytes(content)
    if not narrow(original, small):
        assert not small.exists()
        return original, False
    assert small.stat().st_size < len(content)
    widen(small, again)
    assert again.read_bytes() == content
    return small, True


@given(tensors=st.dictionaries(st.text("ab.", max_size=9), arrays.arrays(FLOATS, arrays.array_shapes(max_side=40))))
def test_any_bits_come_back(tensors: dict[str, np.ndarray], scratch: Path) -> None:
    """Hypothesis draws NaNs with payloads, infinities, zeros with a sign and subnormal numbers among the rest."""
    there_and_back(scratch, save(tensors))


@pytest.mark.parametrize(("small", "share"), [("<f2", 0.5), ("bf16", 0.5), ("<f4", 1.0)])
def test_what_was_trained_in_half_takes_half(small: str, share: float, scratch: Path) -> None:
    values = np.random.default_rng(1).normal(size=(3, 5000)).astype("<f4")
    if small == "bf16":
        values = (values.view("<u4") & 0xFFFF0000).view("<f4")
    else:
        values = values.astype(small).astype("<f4")
    content = save({"a": values, "steps": np.arange(7)})
    path, done = there_and_back(scratch, content)
    assert done == (share < 1)
    assert path.stat().st_size / len(content) == pytest.approx(share, abs=0.02)
    if small == "<f2":  # anybody's safetensors reads the narrowed file, and finds the same values
        found = load_file(path)
        assert found["a"].dtype == np.float16
        np.testing.assert_array_equal(found["a"].astype("<f4"), values)


def test_a_float64_that_is_a_float32(scratch: Path) -> None:
    values = np.random.default_rng(2).normal(size=999).astype("<f4").astype("<f8")
    assert there_and_back(scratch, save({"a": values, "b": np.zeros(0, "<f8")}))[1]


def test_a_file_with_notes_of_its_own_stays_as_it_is(scratch: Path) -> None:
    assert not there_and_back(scratch, save({"a": np.zeros(9999, "<f4")}, {"by": "somebody"}))[1]


def test_little_to_save_is_left_alone(scratch: Path) -> None:
    odd = np.random.default_rng(3).normal(size=9000).astype("<f4")
    assert not there_and_back(scratch, save({"a": odd, "b": np.ones(100, "<f4")}))[1]


def _noted(note: object, dtype: str = "F16") -> bytes:
    head = {"__metadata__": {"original": note}, "a": {"dtype": dtype, "shape": [1], "data_offsets": [0, 2]}}
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + bytes(2)


@pytest.mark.parametrize(
    ("note", "told"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"a": 1}', "cannot be read"),
        ("[" * 9999, "cannot be read"),
        ('{"b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', "other tensors"),
        ('{"a": {"dtype": "F16", "shape": [1], "data_offsets": [0, 4]}}', "number of bytes"),
        ('{"a": {"dtype": "U64", "shape": [1], "data_offsets": [0, 8]}}', "where its original had U64"),
    ],
)
def test_a_note_that_lies_is_refused(note: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(_noted(note))
    with pytest.raises(VoiceError, match=told):
        widen(tmp_path / "x.safetensors", tmp_path / "y.safetensors")


def test_what_was_not_narrowed_is_not_widened(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(save({"a": np.zeros(3, "<f4")}))
    with pytest.raises(VoiceError, match="was not narrowed"):
        widen(tmp_path / "x.safetensors", tmp_path / "y.safetensors")

"""Arrays of a foreign program: what NumPy writes is read, and whatever else lies there is refused."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from compat_tests.arrays import ArrayError, read_array, write_array

MOST_BYTES = 1 << 20


@given(
    arrays(
        np.float32,
        array_shapes(max_dims=3, max_side=5),
        elements=st.floats(allow_nan=False, allow_infinity=False, width=32),
    )
)
def test_what_is_written_is_read_by_us_and_by_numpy(array: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as place:
        write_array(Path(place) / "x.npy", array)
        read = read_array(Path(place), "x.npy", np.float32, array.ndim, MOST_BYTES)
        np.testing.assert_array_equal(read, array)
        np.testing.assert_array_equal(np.load(Path(place) / "x.npy", allow_pickle=False), array)


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda data: b"\x93NUMPY\x01\x00" + data))
def test_any_bytes_are_an_array_or_refused(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "x.npy").write_bytes(data)
        with pytest.raises(ArrayError):
            read_array(Path(place), "x.npy", np.float32, 1, MOST_BYTES)


@given(st.data())
def test_any_changed_byte_is_read_or_refused(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "x.npy"
        write_array(path, np.arange(6, dtype=np.float32))
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        with contextlib.suppress(ArrayError):
            assert read_array(Path(place), "x.npy", np.float32, 1, MOST_BYTES).shape == (6,)


NAMES = ("", "..npy", "../x.npy", "a/x.npy", "x", "x.npz", ".npy", "x.npy\n", "x" * 101 + ".npy")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_plain_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArrayError) as caught:
        read_array(tmp_path, name, np.float32, 1, MOST_BYTES)
    assert caught.value.kind == "path"


def test_a_file_larger_than_any_voices_is_not_read(tmp_path: Path) -> None:
    write_array(tmp_path / "x.npy", np.zeros(1000, np.float32))
    with pytest.raises(ArrayError, match="more than any voice needs"):
        read_array(tmp_path, "x.npy", np.float32, 1, 1000)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        write_array(tmp_path / "x.npy", np.zeros(1, np.float32))

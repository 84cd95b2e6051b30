"""Where tensors lie: the same weights are found in safetensors, ONNX and TorchScript, and nowhere else."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from core_model.tensor_places import tensor_edges
from core_model.voice import Voice


def pieces(path: Path) -> list[bytes]:
    """The file, cut at its tensors' edges."""
    data, edges = path.read_bytes(), [0, *tensor_edges(path), path.stat().st_size]
    assert edges == sorted(edges)
    return [data[start:end] for start, end in pairwise(edges)]


def test_tensors_of_a_safetensors_file(tmp_path: Path) -> None:
    large, small = np.arange(1000.0), np.arange(3.0)
    (tmp_path / "x.safetensors").write_bytes(save({"a": large, "b": small, "b2": small, "c": -large}))
    found = pieces(tmp_path / "x.safetensors")
    assert large.tobytes() in found and (-large).tobytes() in found
    assert small.tobytes() not in found and small.tobytes() * 2 in found  # too small to have places of their own
    assert b"".join(found) == (tmp_path / "x.safetensors").read_bytes()


def test_exports_hold_their_weights_as_plain_bytes_at_these_places(tiny_voice: Voice) -> None:
    """The exporters write float32; the two kinds share what they do not transpose."""
    shared = {}
    for kind, suffix in (("onnx", "onnx"), ("torchscript", "pt")):
        found = [
            piece
            for part in ("gpt", "sovits")
            for piece in pieces(tiny_voice.exports_directory / kind / f"{part}.{suffix}")
        ]
        weights = {piece for piece in found if len(piece) >= 256}
        total = sum(path.stat().st_size for path in (tiny_voice.exports_directory / kind).iterdir())
        assert sum(map(len, found)) == total
        shared[kind] = {hashlib.sha256(piece).hexdigest() for piece in weights}
    assert len(shared["onnx"] & shared["torchscript"]) > 10


@pytest.mark.parametrize("name", ["x.safetensors", "x.onnx", "x.pt", "x.json"])
@given(data=st.binary(max_size=400))
def test_any_bytes_have_places_within_them_or_none(
    data: bytes, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("places") / name
    path.write_bytes(data)
    assert all(edge >= 0 for edge in tensor_edges(path))

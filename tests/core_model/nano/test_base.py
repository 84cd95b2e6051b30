"""The embedded base is one file: all of it, or a refusal that says where it should be."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from core_model.errors import BaseMissingError
from core_model.nano import base


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for door in (base.load, base.digest):
        with pytest.raises(BaseMissingError, match=r"base\.safetensors is missing"):
            door(tmp_path / "base.safetensors")


def test_the_digest_is_the_files() -> None:
    assert base.digest() == hashlib.sha256(base.FILE.read_bytes()).hexdigest()


def test_every_tensor_or_none(tmp_path: Path) -> None:
    tensors = load_file(base.FILE)
    tensors.pop("gpt/head.weight")
    save_file(tensors, tmp_path / "base.safetensors")
    with pytest.raises(RuntimeError, match=r"head\.weight"):
        base.load(tmp_path / "base.safetensors")


def test_networks_are_fresh_copies_ready_to_speak() -> None:
    a, b = base.load(), base.load()
    a.gpt.head.weight.data.zero_()
    assert b.gpt.head.weight.abs().max() > 0

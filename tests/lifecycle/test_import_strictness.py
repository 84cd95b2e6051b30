"""Nothing is guessed and nothing is passed over: each tensor that is not as it must be is named, with its file.

Shapes count here, unlike in the other tests of importing. A GPT of one layer is a real one, only small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lifecycle import importing
from lifecycle.checkpoint_files import look
from lifecycle.errors import UnfitFileError
from tests.lifecycle import upstream_files as made

Tensors = dict[str, np.ndarray]
BIAS = "model.h.layers.0.norm1.bias"


def without(tensors: Tensors) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if name != BIAS}


CHANGES: dict[str, tuple[Callable[[Tensors], Tensors], str]] = {
    "missing": (without, f"{BIAS} is missing"),
    "unexpected": (lambda tensors: tensors | {"model.extra": np.zeros(3, np.float16)}, "model.extra is unknown"),
    "wrong shape": (
        lambda tensors: tensors | {BIAS: np.zeros(9, np.float16)},
        rf"{BIAS} has the shape \(9,\) instead of \(8,\)",
    ),
    "transposed": (
        lambda tensors: tensors | {"model.bert_proj.weight": tensors["model.bert_proj.weight"].T},
        "model.bert_proj.weight",
    ),
    "no tensors": (lambda tensors: {}, "it holds no tensors"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_tensor_that_is_not_as_it_must_be_is_named(name: str, tmp_path: Path) -> None:
    change, sentence = CHANGES[name]
    gpt = made.gpt()
    path = made.write(tmp_path / "anna-e15.ckpt", replace(gpt, tensors=change(gpt.tensors)))
    with pytest.raises(UnfitFileError, match=rf"anna-e15\.ckpt: .*{sentence}"):
        look(path)


def test_a_head_that_says_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "anna-e15.ckpt"
    path.write_bytes(b"05" + made.content(made.gpt())[2:])
    with pytest.raises(UnfitFileError, match="its head 05 says sovits v2Pro, its tensors are those of gpt other"):
        look(path)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = made.write(tmp_path / "anna-e15.ckpt", made.gpt())
    seen = replace(look(path), kind="sovits")
    with pytest.raises(UnfitFileError, match="changed while it was being read"):
        importing._read(seen)


@pytest.mark.parametrize("length", [0, 1, 100, 5000, -1, -30])
def test_a_download_that_broke_off_is_refused(length: int, tmp_path: Path) -> None:
    path = tmp_path / "anna-e15.ckpt"
    path.write_bytes(made.content(made.gpt())[:length])
    with pytest.raises(UnfitFileError, match=r"^anna-e15\.ckpt: "):
        look(path)

"""The unknown-word network, against PyTorch's GRU and against words that upstream's goldens hold."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load

from core_model.text.english_data import FILES
from core_model.text.text_data import PackageData
from core_model.text.unknown_words import _GRU, UnknownWords


@pytest.fixture(scope="module")
def tensors() -> dict[str, np.ndarray]:
    return load(PackageData().read("en.unknown_words.safetensors"))


@pytest.mark.parametrize(
    ("word", "sounds"),
    [  # as upstream said them (text/en.v2.jsonl), with the weights in fp32
        ("thirty-four", "TH ER1 T AY0 F R UH0 R"),
        ("shouldnt", "SH OW1 L T AH0 N T"),
        ("bandersnatch", "B AE1 N D ER0 S AH0 N T"),
        ("ious", "AY1 AW2 S"),
        ("tastic", "T AE1 S T IH0 K"),
    ],
)
def test_words_of_the_goldens(tensors: dict[str, np.ndarray], word: str, sounds: str) -> None:
    assert " ".join(UnknownWords(tensors).pronounce(word)) == sounds


def test_a_step_equals_pytorch(tensors: dict[str, np.ndarray]) -> None:
    """PyTorch's layer with the same weights, as a slow second opinion; fp32 rounding is all that may differ."""
    part = {name.removeprefix("encoder."): t.astype(np.float32) for name, t in tensors.items() if "encoder" in name}
    gru = _GRU(**part)
    cell = torch.nn.GRUCell(256, 256)
    with torch.no_grad():
        for name, tensor in zip(
            ("weight_ih", "weight_hh", "bias_ih", "bias_hh"),
            ("input_weight", "hidden_weight", "input_bias", "hidden_bias"),
            strict=True,
        ):
            getattr(cell, name).copy_(torch.from_numpy(part[tensor]))
        hidden, theirs = np.zeros(256, np.float32), torch.zeros(1, 256)
        for row in (3, 17, 9, 2):
            hidden = gru.step(row, hidden)
            theirs = cell(torch.from_numpy(part["embedding"][row])[None], theirs)
    np.testing.assert_allclose(hidden, theirs[0].numpy(), atol=1e-5)


def test_it_stops(tensors: dict[str, np.ndarray]) -> None:
    unknown = UnknownWords(tensors)
    assert all(len(unknown.pronounce(word)) <= 20 for word in ("x" * 500, "aeiou" * 40, "-'-"))


def test_the_data_say_whose_they_are() -> None:
    """The licence goes with the data, into every voice: see the index that write_data makes."""
    assert "g2p_en" in FILES["en.unknown_words.safetensors"]

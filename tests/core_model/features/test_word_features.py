"""Word features from a folder: the obvious computation with transformers' own network, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="word features need transformers, an extra")

import torch
from tokenizers.implementations import BertWordPieceTokenizer

from core_model.errors import PretrainedError, RuntimeMissingError
from core_model.features import word_features
from tests.core_model.features import tiny_pretrained

TEXT = "今天我们去学校。"
COUNTS = (2, 3, 1, 2, 2, 0, 2, 1)


def obvious(network: torch.nn.Module, text: str, counts: tuple[int, ...]) -> np.ndarray:
    """One token for each character, hidden state -3, special tokens cut, rows repeated."""
    ids = [2, *(5 + tiny_pretrained.CHARACTERS.index(character) for character in text), 3]
    with torch.inference_mode():
        states = network(torch.tensor([ids]), output_hidden_states=True).hidden_states
    rows = states[-3][0][1:-1].numpy()
    return np.concatenate([np.tile(row, (count, 1)) for row, count in zip(rows, counts, strict=True)])


def test_the_obvious_computation(tmp_path: Path) -> None:
    network = tiny_pretrained.roberta(tmp_path)
    found = word_features.load(tmp_path).of(TEXT, COUNTS)
    assert found.shape == (13, 12)
    np.testing.assert_allclose(found, obvious(network, TEXT, COUNTS), atol=1e-6)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("half", [False, True])
def test_an_old_folder_with_a_pickle(tmp_path: Path, half: bool, zipped: bool) -> None:
    network = tiny_pretrained.roberta(tmp_path)
    tiny_pretrained.as_old_folder(tmp_path, network.state_dict(), half=half, zipped=zipped)
    found = word_features.load(tmp_path).of(TEXT, COUNTS)
    np.testing.assert_allclose(found, obvious(network, TEXT, COUNTS), atol=5e-3 if half else 1e-6)


def test_a_saved_tokenizer_is_the_same_as_its_vocabulary(tmp_path: Path) -> None:
    tiny_pretrained.roberta(tmp_path)
    before = word_features.load(tmp_path).of(TEXT, COUNTS)
    tokenizer = BertWordPieceTokenizer(str(tmp_path / "vocab.txt"), lowercase=True)
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=40)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "vocab.txt").unlink()
    assert np.array_equal(word_features.load(tmp_path).of(TEXT, COUNTS), before)


def test_a_character_without_a_token_has_zeros_and_shifts_nothing(tmp_path: Path) -> None:
    tiny_pretrained.roberta(tmp_path)
    features = word_features.load(tmp_path)
    assert np.array_equal(features.of_characters("你 好"), np.insert(features.of_characters("你好"), 1, 0.0, axis=0))


def test_letters_of_one_token_share_its_row_and_unknown_characters_have_one(tmp_path: Path) -> None:
    tiny_pretrained.roberta(tmp_path)
    rows = word_features.load(tmp_path).of_characters("xyz龘")
    assert np.array_equal(rows[0], rows[2])
    assert rows[3].any()


def test_nothing_at_all(tmp_path: Path) -> None:
    tiny_pretrained.roberta(tmp_path)
    assert word_features.load(tmp_path).of("", ()).shape == (0, 12)


def test_a_text_longer_than_the_network_goes_through_in_pages(tmp_path: Path) -> None:
    tiny_pretrained.roberta(tmp_path, positions=6)
    features = word_features.load(tmp_path)
    rows = features.of_characters("你好世界今天")
    assert np.array_equal(rows[:4], features.of_characters("你好世界"))
    assert np.array_equal(rows[4:], features.of_characters("今天"))


def test_counts_that_do_not_fit(tmp_path: Path) -> None:
    tiny_pretrained.roberta(tmp_path)
    with pytest.raises(ValueError, match="2 characters, 1 counts"):
        word_features.load(tmp_path).of("你好", (1,))


def test_another_kind_of_network(tmp_path: Path) -> None:
    tiny_pretrained.hubert(tmp_path)
    with pytest.raises(PretrainedError, match="model_type is 'hubert', not bert"):
        word_features.load(tmp_path)


def test_no_tokenizer(tmp_path: Path) -> None:
    tiny_pretrained.roberta(tmp_path)
    (tmp_path / "vocab.txt").unlink()
    with pytest.raises(PretrainedError, match="no tokenizer in it"):
        word_features.load(tmp_path)


@pytest.mark.parametrize("content", ["{", "[PAD]", ""])
def test_a_tokenizer_that_is_none(tmp_path: Path, content: str) -> None:
    tiny_pretrained.roberta(tmp_path)
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(PretrainedError, match="tokenizer cannot be read"):
        word_features.load(tmp_path)


def test_a_vocabulary_without_its_special_tokens(tmp_path: Path) -> None:
    tiny_pretrained.roberta(tmp_path)
    (tmp_path / "vocab.txt").write_text("[UNK]\n你\n")
    with pytest.raises(PretrainedError, match="tokenizer"):
        word_features.load(tmp_path)


def test_a_vocabulary_larger_than_the_network(tmp_path: Path) -> None:
    tiny_pretrained.roberta(tmp_path)
    path = tmp_path / "vocab.txt"
    path.write_text(path.read_text() + "龘\n")
    with pytest.raises(PretrainedError, match="more tokens than its network"):
        word_features.load(tmp_path)


def test_a_config_of_no_network(tmp_path: Path) -> None:
    tiny_pretrained.roberta(tmp_path)
    tiny_pretrained.change_config(tmp_path, hidden_size=13)
    with pytest.raises(PretrainedError, match="describes no network"):
        word_features.load(tmp_path)


def test_without_transformers_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_pretrained.roberta(tmp_path)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(RuntimeMissingError, match=r"pip install 'lifecycle\[upstream\]'"):
        word_features.load(tmp_path)

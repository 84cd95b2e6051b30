"""What the networks read: framed once, numbered by the voice's own table, features where the Chinese is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core_model.errors import EmptyTextError, UnknownLanguageError, UnknownPhonemeError, VoiceError
from core_model.text.front_end import write_data
from core_model.text.symbols import V1, V2
from core_model.utterances import (
    front_end_of,
    symbols_sha256,
    utterances,
    with_word_features,
    word_features_wanted,
)
from core_model.voice import Floats, SymbolTable, Voice
from tests.tiny_voice import make_tiny_voice


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    """A quantizer voice that reads English and Chinese as upstream does."""
    voice = make_tiny_voice(tmp_path_factory.mktemp("v") / "ada", quantizer=True, golden=False)
    write_data(voice.text_directory, ("en", "zh"), "upstream")
    return voice


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Voice:
    return make_tiny_voice(tmp_path_factory.mktemp("v") / "ada", quantizer=True, golden=False)


def test_upstreams_reading_frames_by_itself_and_is_not_framed_again(imported: Voice) -> None:
    """A piece that upstream leaves without a stop was heard without one."""
    for text in ("Tea.", "Tea is hot", "Seven grey whales"):
        (read,) = front_end_of(imported).read(text, "en", "cut0")
        (said,) = utterances(imported, text, language="en", cut="cut0")
        assert said.symbols == read.symbols
        assert sum(part.count for part in said.segments) == len(said.symbols)


def test_a_plain_reading_is_framed_and_its_segments_still_fit(plain: Voice) -> None:
    (said,) = utterances(plain, "Tea", language="en")
    assert said.symbols == (".", "T", "IY1", ".")
    assert [(part.language, part.count) for part in said.segments] == [("", 1), ("en", 2), ("", 1)]


def test_the_cut_is_the_readers(imported: Voice) -> None:
    text = "Tea is hot, they say. Ice is cold."
    assert len(utterances(imported, text, language="en", cut="cut0")) == 1
    assert len(utterances(imported, text, language="en", cut="cut4")) == 2
    assert len(utterances(imported, text, language="en")) == len(utterances(imported, text, language="en", cut="cut5"))
    with pytest.raises(ValueError, match="cut9"):
        utterances(imported, text, language="en", cut="cut9")


def test_another_language_than_the_prompts(imported: Voice) -> None:
    (said,) = utterances(imported, "今天很热。", language="zh")
    assert imported.prompt().language == "en"
    assert {part.language for part in said.segments} == {"zh"}
    assert "t" in said.symbols and "ian1" in said.symbols


def test_what_has_no_reader_is_told(imported: Voice) -> None:
    (said,) = utterances(imported, "Tea 안녕 is very hot.", language="auto", cut="cut0")
    assert any("안녕" in piece for piece in said.dropped)
    with pytest.raises(EmptyTextError):
        utterances(imported, "안녕하세요.", language="auto")
    with pytest.raises(UnknownLanguageError):
        utterances(imported, "안녕하세요.", language="ko")


def test_word_features_lie_over_their_characters(imported: Voice) -> None:
    asked: list[tuple[str, tuple[int, ...]]] = []

    def features_of(text: str, counts: tuple[int, ...]) -> Floats:
        asked.append((text, counts))
        return np.full((sum(counts), 12), len(asked), np.float32)

    said = utterances(imported, "我喝 hot tea，你喝水。", language="zh", cut="cut0")
    assert word_features_wanted(imported, said)
    (made,) = with_word_features(said, features_of)
    assert made.word_features is not None and made.word_features.shape == (len(made.phonemes), 12)
    row = 0
    for part in made.segments:
        expected = 0 if part.language == "en" else [text for text, _ in asked].index(part.normalised) + 1
        assert (made.word_features[row : row + part.count] == expected).all()
        row += part.count
    assert row == len(made.phonemes)
    assert {part.language for part in made.segments} == {"en", "zh"}


def test_only_chinese_and_only_a_network_that_takes_them_want_word_features(imported: Voice) -> None:
    english = utterances(imported, "Tea is hot.", language="en")
    assert not word_features_wanted(imported, english)
    assert with_word_features(english, lambda text, counts: np.zeros((0, 0), np.float32)) == english
    without = replace(imported.description, gpt={**imported.description.gpt, "word_features": 0})
    chinese = utterances(imported, "今天很热。", language="zh")
    assert not word_features_wanted(Voice(imported.directory, without), chinese)


def test_a_table_of_322_rows_refuses_what_it_has_no_row_for(plain: Voice) -> None:
    """Its GPT has 512 rows, so that of those alone nothing would notice."""
    table = SymbolTable("v1", symbols_sha256(V1))
    first = replace(plain.description, symbols=table, gpt={**plain.description.gpt, "phonemes": 512})
    korean = next(symbol for symbol in V2[len(V1) :] if symbol not in "[]")
    voice = Voice(plain.directory, first)
    assert utterances(voice, None, phonemes="T IY1")
    with pytest.raises(UnknownPhonemeError):
        utterances(voice, None, phonemes=f"T {korean}")


def test_the_data_of_a_voice_are_read_from_the_voice(plain: Voice, tmp_path: Path) -> None:
    elsewhere = Voice(tmp_path, plain.description)
    with pytest.raises(VoiceError, match=r"text/index\.json"):
        front_end_of(elsewhere)

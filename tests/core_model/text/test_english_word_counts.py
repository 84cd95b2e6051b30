"""Unknown words cut as wordsegment cuts them: against what it said, and on plain cases."""

import json
import lzma
from pathlib import Path

import pytest

from core_model.errors import VoiceError
from core_model.text.english_data import content
from core_model.text.english_word_counts import WordCounts

COUNTS = WordCounts(content("en.word_counts.xz"))


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("kilometersh", "kilometers h"),
        ("zyxgorblat", "zyx go rbl at"),
        ("Kubernetes", "ku bernet es"),
        ("twenty-nine", "twentynine"),
        ("shouldn't've", "shouldnt ve"),
        ("thecatsatonthemat", "the cat sat on them at"),
        ("'-'", ""),
        ("thecat" * 60, "the cat " * 60),
    ],
)
def test_plain_cases(word: str, parts: str) -> None:
    assert COUNTS.split(word) == parts.split()


def test_it_cuts_as_wordsegment_does() -> None:
    recorded = json.loads(Path(__file__).with_name("recorded_packages.json").read_text("utf-8"))
    for word, expected in recorded["wordsegment"]:
        assert COUNTS.split(word) == expected


@pytest.mark.parametrize(
    "broken",
    [b"", b"no xz", content("en.word_counts.xz")[:-50], lzma.compress(b"a\tb\n"), lzma.compress(b"\n" * (65 << 20))],
    ids=["nothing", "no xz", "cut short", "no count", "a bomb"],
)
def test_what_a_voice_carries_instead_is_refused_by_name(broken: bytes) -> None:
    with pytest.raises(VoiceError, match=r"en\.word_counts\.xz"):
        WordCounts(broken).split("a")

"""Unknown words cut as wordsegment cuts them: against itself where it is installed, and on plain cases."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@settings(max_examples=60, deadline=None)
@given(st.text(string.ascii_lowercase, min_size=1, max_size=18))
def test_it_cuts_as_wordsegment_does(word: str) -> None:
    wordsegment = pytest.importorskip("wordsegment")
    if not wordsegment.UNIGRAMS:
        wordsegment.load()
    assert COUNTS.split(word) == wordsegment.segment(word)

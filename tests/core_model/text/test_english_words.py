"""One word to phonemes: each way that a word is found, and that none is ever left without sound."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.text.english_data import load
from core_model.text.english_words import Words
from core_model.text.symbols import V2
from core_model.text.text_data import PackageData


@pytest.fixture(scope="module")
def words() -> Words:
    return load(PackageData()).words


@pytest.mark.parametrize(
    ("word", "sounds"),
    [
        ("Hello", "HH AH0 L OW1"),  # the dictionary
        ("emoji", "IY1 M OW1 JH IY0"),  # ours over it
        ("zk", "Z IY1 K EY1"),  # spelled
        ("blick's", "B L IH1 K S"),  # possessive after a voiceless, a sibilant, a voiced sound
        ("Xbox's", "EH1 K S B AA2 K S AH0 Z"),
        ("Kubernetes's", "K UW2 B ER0 N EH1 T IY0 Z AH0 Z"),
        ("openai's", "OW1 P AH0 N EY1 AY1 Z"),
        ("shouldn't've", "SH UH1 D AH0 N T AH0 V"),  # contraction on contraction
        ("firetruck", "F AY1 ER0 T R AH1 K"),  # compound
        ("thecat", "DH AH0 K AE1 T"),
        ("thirty-two", "TH ER1 D IY2 T UW1"),  # hyphens
        ("blixtorious", "B L IH0 K S T IH1 R IY0 AH0 S"),  # the network
    ],
)
def test_each_way(words: Words, word: str, sounds: str) -> None:
    assert " ".join(words.pronounce(word)) == sounds


@settings(deadline=None, max_examples=50)
@given(st.text(string.ascii_letters + "'-", min_size=1, max_size=30))
def test_every_word_has_a_sound_of_the_table(words: Words, word: str) -> None:
    sounds = words.pronounce(word)
    assert set(sounds) <= set(V2)
    assert bool(sounds) == any(letter.isalpha() for letter in word)


def test_a_compound_is_cut_into_the_fewest_parts(words: Words) -> None:
    assert words.split("icecreamsandwich") == ["icecream", "sandwich"] or len(words.split("icecreamsandwich")) == 3
    assert words.split("zzzzqqq") == ["zzzzqqq"]
    assert words.split("the" * 200) == ["the" * 200]  # no compound is that long; must not take its length squared

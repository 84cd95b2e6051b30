"""Long text into pieces: where a sentence ends, where it does not, and what no cut may lose."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.errors import EmptyTextError, UnknownLanguageError
from core_model.text.segment import LIMIT, LIMIT_WITHOUT_SPACES, sentences


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("One. Two! Three? Four… Five", ["One.", "Two!", "Three?", "Four…", "Five"]),
        ("Dr. Smith paid $3.50. Why?", ["Dr. Smith paid $3.50.", "Why?"]),
        (
            "He lives in the U.S. He moved at 5 p.m. on Monday.",
            ["He lives in the U.S.", "He moved at 5 p.m. on Monday."],
        ),
        ("J. R. R. Tolkien wrote it. I. You.", ["J. R. R. Tolkien wrote it.", "I.", "You."]),
        ("See fig. 3 and vol. 2, etc. Then go.", ["See fig. 3 and vol. 2, etc.", "Then go."]),
        ("Version 3.11.7 is out... really?!", ["Version 3.11.7 is out... really?!"]),
        ('"Go." he said. (Yes.) No.', ['"Go." he said.', "(Yes.)", "No."]),
        ("Heading\n\nwrapped\nline", ["Heading", "wrapped line"]),
        ("Hello. ... !!! World", ["Hello. ... !!!", "World"]),
        ("... Hello", ["... Hello"]),
    ],
)
def test_sentences(text: str, pieces: list[str]) -> None:
    assert sentences(text, "en") == pieces


def test_a_long_sentence_is_cut_at_its_best_mark() -> None:
    clause = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    assert sentences(f"{clause}, {clause}; {clause}.", "en")[0] == f"{clause}, {clause};"
    assert sentences(f"{clause}, {clause} and {clause}.", "en")[0] == f"{clause},"
    assert all(len(piece) <= LIMIT for piece in sentences("word " * 500, "en"))


def test_a_number_is_never_cut() -> None:
    number = "1,234,567.89" * 60
    assert number in sentences(f"It is {number}, they say.", "en")[0]
    many = "1 234 567 890, " * 40
    assert all(not re.search(r"^\d.*\d$", piece) or "," in piece for piece in sentences(many, "en"))


@pytest.mark.parametrize("text", ["", " \n", "...", "?!", "—", "\u200b"])
def test_nothing_to_speak(text: str) -> None:
    with pytest.raises(EmptyTextError):
        sentences(text, "en")


def test_unknown_language() -> None:
    with pytest.raises(UnknownLanguageError) as refusal:
        sentences("Hallo", "de")
    assert refusal.value.known == ("en", "zh", "ja", "ko", "yue")


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("你好。今天去哪儿？“走吧！”他说。", ["你好。", "今天去哪儿？", "“走吧！”", "他说。"]),
        ("안녕하세요. 3.5도입니다! 네", ["안녕하세요.", "3.5도입니다!", "네"]),
        ("…はい。", ["… はい。"]),
        ("第一\n\n第二", ["第一", "第二"]),
    ],
)
def test_sentences_of_other_languages(text: str, pieces: list[str]) -> None:
    assert sentences(text, "zh") == pieces


def test_a_long_sentence_without_spaces_is_cut_at_its_last_comma() -> None:
    clause = "一二三四五六七八九十一二三四五六七八九十"
    assert sentences(f"{clause}，{clause}，{clause}，{clause}。", "ja")[0] == f"{clause}，{clause}，"
    assert all(len(piece) <= LIMIT_WITHOUT_SPACES for piece in sentences("字" * 500, "zh"))
    assert sentences("字" * 50 + "1" * 90 + "字", "zh") == ["字" * 50 + "1" * 90, "字"]


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("字あ한a1. 。，！\n…“」—"), max_size=200), st.sampled_from(["zh", "ja", "ko", "yue"]))
def test_no_cut_of_other_languages_loses_anything(text: str, language: str) -> None:
    try:
        pieces = sentences(text, language)
    except EmptyTextError:
        return
    assert "".join("".join(pieces).split()) == "".join(text.split())


@settings(deadline=None, max_examples=60)
@given(st.text(st.sampled_from("aB1.,!? \n'\"é你-;:…"), max_size=600))
def test_nothing_is_lost_and_every_piece_can_be_spoken(text: str) -> None:
    try:
        pieces = sentences(text, "en")
    except EmptyTextError:
        assert not re.search("[aB1é]", text)
        return
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(re.search("[aB1é]", piece) for piece in pieces)
    assert all(len(piece) <= LIMIT + 1 or re.search(r"[\d.,: /]{2,}|[^aBé]{20,}", piece) for piece in pieces)

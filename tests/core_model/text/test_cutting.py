"""Cutting as upstream cuts: each method's rule on a plain case, and what no text may do to any of them."""

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.text import cutting
from core_model.text.cutting import CUTS, cut_lines, even_marks, merge_short, pieces, split_long


@pytest.mark.parametrize(
    ("cut", "lines"),
    [
        ("cut0", ["一，二。三，四。五，六。七，八。九. Ten"]),
        ("cut1", ["一，二。三，四。", "五，六。七，八。九. Ten。"]),
        ("cut2", ["一，二。三，四。五，六。七，八。九. Ten。"]),
        ("cut3", ["一，二", "三，四", "五，六", "七，八", "九. Ten"]),
        ("cut4", ["一，二。三，四。五，六。七，八。九", " Ten"]),
        ("cut5", ["一，", "二。", "三，", "四。", "五，", "六。", "七，", "八。", "九.", " Ten"]),
    ],
)
def test_each_method(cut: str, lines: list[str]) -> None:
    assert cut_lines("一，二。三，四。五，六。七，八。九. Ten", cut) == "\n".join(lines)


def test_a_number_is_not_cut() -> None:
    assert cut_lines("It is 3.14. Yes", "cut4") == "It is 3.14. Yes"  # a stop after a digit never cuts here
    assert cut_lines("It is 3.14. Yes", "cut5") == "It is 3.14.\n Yes"


def test_every_fifty_characters() -> None:
    clause = "x" * 29 + "，"
    assert [len(line) for line in cut_lines(clause * 5, "cut2").split("\n")] == [60, 90]


def test_a_cut_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="cut0"):
        cut_lines("text", "cut6")


def test_pieces_end_in_a_mark_of_the_language() -> None:
    assert pieces("你好世界啊\nhello there", "zh", "cut0") == ["你好世界啊。", "hello there。"]
    assert pieces("hello there", "en", "cut0") == ["hello there."]
    assert pieces("Hi, there", "en", "cut0") == [".Hi, there."]  # a short opening
    assert pieces("", "en", "cut5") == pieces("\n\n", "zh", "cut1") == pieces("——", "zh", "cut5") == []


def test_short_parts_are_joined_to_the_next_and_the_last_to_the_one_before() -> None:
    assert merge_short(["ab", "cd", "e", "fghij", "k"]) == ["abcde", "fghijk"]
    assert merge_short(["a"]) == ["a"] and merge_short([]) == []


def test_what_is_too_long_to_be_read_at_once_is_split_at_marks() -> None:
    clause = "字" * 200 + "，"
    assert [len(part) for part in split_long(clause * 3)] == [402, 201]
    assert split_long("字" * 600) == ["", "字" * 600]


def test_even_marks() -> None:
    assert even_marks("Wait...! 你好。。") == "Wait. 你好。。"


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(max_size=120) | st.text(st.sampled_from("ab1.,!? \n。，…—~"), max_size=80),
    cut=st.sampled_from(CUTS),
    language=st.sampled_from(["en", "zh", "auto"]),
)
def test_any_text_gives_pieces_and_loses_no_word(text: str, cut: str, language: str) -> None:
    found = pieces(text, language, cut)
    assert all(piece == "" or not piece.isspace() for piece in found)
    words = [letter for letter in text if letter.isalnum()]
    assert [letter for letter in "".join(found) if letter.isalnum()] == words


def test_the_example_in_the_docstring_runs() -> None:
    outcome = doctest.testmod(cutting)
    assert outcome.attempted > 0 and outcome.failed == 0

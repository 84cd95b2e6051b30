from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_model.text.chinese.numerals import cardinal, digits, spoken

CARDINALS = {
    "0": "零",
    "000": "零",
    "7": "七",
    "10": "十",
    "11": "十一",
    "20": "二十",
    "105": "一百零五",
    "110": "一百一十",
    "1000": "一千",
    "1010": "一千零一十",
    "10000": "一万",
    "12003": "一万二千零三",
    "100000": "十万",
    "10000000": "一千万",
    "123456789": "一亿二千三百四十五万六千七百八十九",
    "007": "七",
    "": "",
}


@pytest.mark.parametrize(("number", "words"), CARDINALS.items())
def test_cardinals(number: str, words: str) -> None:
    assert cardinal(number) == words


@pytest.mark.parametrize(
    ("number", "words"), [("3.20", "三点二"), ("3.0", "三"), (".5", "零点五"), ("0.05", "零点零五"), ("12", "十二")]
)
def test_decimals(number: str, words: str) -> None:
    assert spoken(number) == words


def test_digits_one_by_one() -> None:
    assert digits("2012") == "二零一二"
    assert digits("110", ones_as_yao=True) == "幺幺零"


def value(words: str) -> int:
    """The slow obvious way back: each unit multiplies what stands before it since the last larger one."""
    total = section = number = 0
    for character in words:
        if character in "零一二三四五六七八九":
            number = "零一二三四五六七八九".index(character)
        elif character in "十百千":
            section += (number or 1) * 10 ** ("十百千".index(character) + 1)
            number = 0
        else:
            total = (total + section + number) * (10_000 if character == "万" else 1)
            if character == "亿":
                total *= 100_000_000
            section = number = 0
    return total + section + number


@given(st.integers(0, 99_999_999))
def test_a_cardinal_can_be_understood(number: int) -> None:
    assert value(cardinal(str(number))) == number


@given(st.text("0123456789", min_size=1, max_size=2000))
def test_no_number_is_too_long(number: str) -> None:
    assert set(cardinal(number)) <= set("零一二三四五六七八九十百千万亿")

from __future__ import annotations

import pytest

from core_model.text.chinese.syllables import symbols

SPELLED = {
    "zhi": "zh ir",
    "ri": "r ir",
    "si": "s i0",
    "ji": "j i",
    "ju": "j v",
    "jue": "j ve",
    "xuan": "x van",
    "qun": "q vn",
    "nv": "n v",
    "lve": "l ve",
    "lue": "l ve",
    "yi": "y i",
    "yan": "y En",
    "ye": "y E",
    "yuan": "y van",
    "you": "y ou",
    "yong": "y ong",
    "wu": "w u",
    "weng": "w eng",
    "liu": "l iu",
    "gui": "g ui",
    "er": "EE er",
    "ai": "AA ai",
    "o": "OO o",
    "bo": "b o",
    "shuang": "sh uang",
    "m": "m u",
    "ng": "EE en",
}


@pytest.mark.parametrize(("sound", "pair"), SPELLED.items())
def test_syllables(sound: str, pair: str) -> None:
    begin, end = pair.split(" ")
    assert symbols(sound, 4) == (begin, f"{end}4")


@pytest.mark.parametrize(("sound", "tone"), [("x", 1), ("", 1), (",", 0), ("ma", 0), ("ma", 6), ("vrm", 1)])
def test_what_the_table_cannot_write(sound: str, tone: int) -> None:
    assert symbols(sound, tone) is None

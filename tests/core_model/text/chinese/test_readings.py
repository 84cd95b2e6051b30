from __future__ import annotations

import random

import pytest

from core_model.text.chinese.chinese_data import content
from core_model.text.chinese.readings import Readings, Syllable, parse_syllable
from core_model.text.chinese.syllables import symbols


@pytest.fixture(scope="module")
def readings() -> Readings:
    return Readings(content("zh.phrases.txt").decode(), content("zh.readings.txt").decode())


def test_phrases_go_before_characters() -> None:
    few = Readings("银行 yín háng\n银行家 yín háng jiā\n", "行 xíng\n家 jiā\n银 yín\n")
    assert few.of("银行") == [Syllable("yin", 2), Syllable("hang", 2)]
    assert [sound for sound, _ in few.of("行银行行家,银")] == ["xing", "yin", "hang", "xing", "jia", ",", "yin"]
    assert few.of("?") == [Syllable("?", 0)]
    assert few.of("") == []


def test_corrections_go_before_both() -> None:
    few = Readings("照片 zhào piān\n", "照 zhào\n片 piàn\n颇 pǒ\n")
    corrected = few.corrected("# comment\n颇 pō\n照片 zhào piàn\n")
    assert [tone for _, tone in corrected.of("颇照片")] == [1, 4, 4]
    assert [tone for _, tone in few.of("颇照片")] == [3, 4, 1]


@pytest.mark.parametrize(
    ("written", "syllable"),
    [
        ("lǜ", ("lv", 4)),
        ("lüè", ("lve", 4)),
        ("de", ("de", 5)),
        ("ḿ", ("m", 2)),
        ("ê̄", ("ê", 1)),
        ("ǹg", ("ng", 4)),
    ],
)
def test_tone_marks(written: str, syllable: tuple[str, int]) -> None:
    assert parse_syllable(written) == syllable


def test_against_pypinyin(readings: Readings) -> None:
    """Every phrase that it knows, and phrases and characters in any order."""
    pypinyin = pytest.importorskip("pypinyin")
    phrases = [line.partition(" ")[0] for line in content("zh.phrases.txt").decode().splitlines()]
    draw = random.Random(5)
    texts = draw.sample(phrases, 3000) + [
        "".join(draw.choice((draw.choice(phrases), chr(draw.randint(0x4E00, 0x9FA5)))) for _ in range(6))
        for _ in range(1000)
    ]
    for text in texts:
        theirs = pypinyin.lazy_pinyin(text, style=pypinyin.Style.TONE3, neutral_tone_with_five=True)
        ours = [f"{sound}{tone}" for sound, tone in readings.of(text)]
        # its numbered style writes no tone, and no circumflex, for interjections without a vowel
        assert [
            o for o, t in zip(ours, theirs, strict=True) if symbols(o[:-1], int(o[-1])) and o != t and "ê" not in o
        ] == []


def test_every_character_of_the_range_that_has_a_sound_has_symbols(readings: Readings) -> None:
    """Ten have none in pypinyin: Japanese units, mostly."""
    silent = {chr(code) for code in range(0x4E00, 0x9FA6) if symbols(*readings.of(chr(code))[0]) is None}
    assert silent == set("兙兡嗧桛烪瓧瓰瓱瓼甅")
    assert not any(line[0] in silent for line in content("zh.readings.txt").decode().splitlines())

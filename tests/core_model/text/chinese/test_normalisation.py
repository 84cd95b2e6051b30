from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_model.text.chinese.chinese_data import content
from core_model.text.chinese.normalisation import clean, parse_simplified, write_out

SIMPLIFIED = parse_simplified(content("zh.simplified.txt").decode())

CLEANED = {
    "他花了$25.5，共２件。": "他花了.二十五点五,共两件.",
    "真的吗？？？太好了！！！": "真的吗?太好了!",
    "啊……真的吗": "啊…真的吗",
    "等等...好": "等等…好",
    "【公告】《红楼梦》（括号）“引号”——": "公告红楼梦括号引号",
    "繁體中文測試：臺灣、國語": "繁体中文测试,台湾,国语",
    "嗯，呣": "恩,母",
    "①②③": "一二三",
    "α和Ω": "阿尔法和欧米伽",
    "Hello，你好": ",你好",
    "换行\n在这里": "换行在这里",
    "玛丽·居里": "玛丽,居里",
    "每小时60km/h": "每小时六十千米每",
    "二〇二四": "二二四",
    "1,234人": "一,二百三十四人",
    "好～": "好…",
    "Ａ座３楼": "座三楼",
    "😀\x00\u200b": "",
    "": "",
}


@pytest.mark.parametrize(("text", "cleaned"), CLEANED.items())
def test_texts(text: str, cleaned: str) -> None:
    assert clean(write_out(text, SIMPLIFIED)) == cleaned


@given(st.text(max_size=60))
def test_nothing_but_what_can_be_spoken_is_left(text: str) -> None:
    cleaned = clean(write_out(text, SIMPLIFIED))
    assert all("一" <= character <= "龥" or character in "!?…,." for character in cleaned)
    assert not any(a in "!?…,." and b in "!?…,." for a, b in itertools.pairwise(cleaned))


@given(st.text("0123456789.,:-+~/%年月日个℃ °C×=²m", max_size=30))
def test_no_digit_survives(text: str) -> None:
    assert not any(character.isascii() and character.isalnum() for character in clean(write_out(text, SIMPLIFIED)))


def test_simplified_characters_stay() -> None:
    assert parse_simplified("# comment\n體体\n") == {ord("體"): "体"}
    assert all(len(simple) == 1 for simple in SIMPLIFIED.values())

from __future__ import annotations

import pytest

from core_model.text.chinese.readings import Readings
from core_model.text.chinese.word_merging import merge

READINGS = Readings(
    "",
    "我 wǒ\n买 mǎi\n好 hǎo\n雨 yǔ\n伞 sǎn\n不 bù\n一 yī\n听 tīng\n花 huā\n儿 ér\n奶 nǎi\n天 tiān\n",
)

MERGED = {
    "不/d 听/v": "不听/v",
    "听/v 不/d": "听/v 不/d",
    "听/v 一/m 听/v": "听一听/v",
    "听/n 一/m 听/v": "听/n 一听/m",
    "一/m 天/n": "一天/m",
    "一/m": "一/m",
    "听/v 听/v": "听听/v",
    "好/a 雨伞/n": "好雨伞/a",
    "我/r 买/v 好/a 听/v": "我买好/r 听/v",
    "雨伞/n 好雨/n": "雨伞/n 好雨/n",  # four characters are too many
    "奶奶/n 好/a": "奶奶/n 好/a",
    "花/n 儿/n": "花儿/n",
    "儿/n 花/n": "儿/n 花/n",
    "不/d ,/x": "不,/x",
}


@pytest.mark.parametrize(("words", "merged"), MERGED.items())
def test_words_are_joined(words: str, merged: str) -> None:
    def parse(text: str) -> list[tuple[str, str]]:
        return [(word, tag) for word, tag in (pair.split("/") for pair in text.split(" "))]

    assert merge(parse(words), READINGS) == parse(merged)


def test_no_words() -> None:
    assert merge([], READINGS) == []

from __future__ import annotations

import pytest

from core_model.text.chinese.chinese_data import content
from core_model.text.chinese.segmentation import Segmenter
from core_model.text.chinese.tone_sandhi import ToneSandhi, parse_words

CHANGED = [  # word, tag, tones, changed
    ("不怕", "v", "44", "24"),
    ("不好", "a", "43", "43"),
    ("看不懂", "v", "443", "453"),
    ("一天", "m", "11", "41"),
    ("一个", "m", "14", "25"),
    ("一段", "m", "14", "24"),
    ("看一看", "v", "414", "454"),
    ("第一", "m", "41", "41"),
    ("二一零", "m", "412", "412"),
    ("统一", "vn", "31", "31"),
    ("豆腐", "n", "43", "45"),
    ("豆腐脑", "n", "433", "453"),
    ("奶奶", "n", "33", "35"),
    ("人人", "n", "22", "22"),
    ("我们", "r", "32", "35"),
    ("桌子", "n", "13", "15"),
    ("瓜子", "n", "13", "13"),
    ("家里", "s", "13", "15"),
    ("地上", "s", "44", "45"),
    ("出去", "v", "14", "15"),
    ("了", "ul", "3", "5"),
    ("三个", "m", "14", "15"),
    ("好的", "a", "35", "35"),
    ("老鼠", "n", "33", "23"),
    ("纸老虎", "n", "333", "323"),
    ("展览馆", "n", "333", "223"),
    ("所有人", "n", "332", "232"),
    ("好喜欢", "v", "331", "235"),
    ("岂有此理", "i", "3333", "2323"),
    (",", "x", "0", "0"),
]


@pytest.fixture(scope="module")
def sandhi() -> ToneSandhi:
    segmenter = Segmenter(content("zh.words.xz"), content("zh.tags.xz"))
    return ToneSandhi(parse_words(content("zh.tones.txt").decode()), segmenter)


@pytest.mark.parametrize(("word", "tag", "tones", "changed"), CHANGED)
def test_tones_in_words(sandhi: ToneSandhi, word: str, tag: str, tones: str, changed: str) -> None:
    assert "".join(map(str, sandhi.change(word, tag, list(map(int, tones))))) == changed


@pytest.mark.parametrize(
    ("word", "tag", "curls"),
    [
        ("冰棍儿", "n", True),
        ("胡同儿", "nr", True),  # listed
        ("女儿", "n", False),  # listed
        ("小女儿", "n", False),  # ends as a listed one
        ("小宝儿", "nr", False),  # a name
        ("儿", "n", False),
        ("花", "n", False),
    ],
)
def test_which_er_takes_the_tone_before_it(sandhi: ToneSandhi, word: str, tag: str, curls: bool) -> None:
    assert sandhi.curls(word, tag) is curls


def test_lists_of_words() -> None:
    assert parse_words("# comment\nneutral 豆腐\nerhua 范儿\nneutral 麻烦 麻利\n") == {
        "neutral": {"豆腐", "麻烦", "麻利"},
        "erhua": {"范儿"},
    }

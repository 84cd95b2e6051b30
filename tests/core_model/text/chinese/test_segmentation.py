from __future__ import annotations

import random
import time
import warnings
from pathlib import Path

import pytest

from core_model.text.chinese.chinese_data import content
from core_model.text.chinese.segmentation import Segmenter


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(content("zh.words.xz"), content("zh.tags.xz"))


def test_words_with_parts_of_speech(segmenter: Segmenter) -> None:
    assert segmenter.tagged("遇到了灾难.") == [("遇到", "v"), ("了", "ul"), ("灾难", "n"), (".", "x")]
    assert segmenter.tagged("") == []
    assert segmenter.tagged("不对,") == [("不", "d"), ("对", "p"), (",", "x")]


def test_words_that_no_list_knows(segmenter: Segmenter) -> None:
    """With their parts of speech, and without: the two models need not agree."""
    assert segmenter.tagged("蘅芜苑") == [("蘅", "x"), ("芜苑", "ns")]
    assert segmenter.words_for_search("网易杭研大厦") == ["网易", "杭研", "大厦"]


def test_words_inside_words(segmenter: Segmenter) -> None:
    assert segmenter.words_for_search("纸老虎") == ["老虎", "纸老虎"]
    assert segmenter.words_for_search("中国科学院") == ["中国", "科学", "学院", "科学院", "中国科学院"]
    assert segmenter.words_for_search("") == []


def test_nothing_is_lost(segmenter: Segmenter) -> None:
    draw = random.Random(3)
    for _ in range(200):
        text = "".join(chr(draw.randint(0x4E00, 0x9FA5)) for _ in range(draw.randint(1, 30)))
        assert "".join(word for word, _ in segmenter.tagged(text)) == text


@pytest.mark.parametrize("text", ["囧" * 10_000, "的" * 10_000, "不一" * 5_000])
def test_ten_thousand_characters(segmenter: Segmenter, text: str) -> None:
    segmenter.tagged("囧槑")
    started = time.process_time()
    assert "".join(word for word, _ in segmenter.tagged(text)) == text
    assert time.process_time() - started < 2


@pytest.mark.slow
def test_against_jieba(segmenter: Segmenter, tmp_path: Path) -> None:
    """Every word and every tag, over words in any order, rare characters, letters and marks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes, and a deprecated module
        jieba = pytest.importorskip("jieba", reason="jieba is not installed to compare with")
        from jieba import posseg
    jieba.dt.tmp_dir = str(tmp_path)
    jieba.setLogLevel("ERROR")
    words = [line.split()[0] for line in (Path(jieba.__file__).parent / "dict.txt").read_text("utf-8").splitlines()]
    draw = random.Random(1)
    kinds = (
        lambda: draw.choice(words),
        lambda: chr(draw.randint(0x4E00, 0x9FD5)),
        lambda: draw.choice("我的是不一儿。,.aB12 %—"),
    )
    for _ in range(2000):
        text = "".join(draw.choice(kinds)() for _ in range(draw.randint(1, 14)))
        assert segmenter.tagged(text) == [(pair.word, pair.flag) for pair in posseg.cut(text)]
        assert segmenter.words_for_search(text) == list(jieba.cut_for_search(text))

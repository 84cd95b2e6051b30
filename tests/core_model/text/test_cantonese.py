from __future__ import annotations

import functools
import random
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_model.errors import EmptyTextError, RuntimeMissingError
from core_model.text import cantonese_data
from core_model.text.cantonese import Cantonese, _split
from core_model.text.cantonese_data import Jyutping, content
from core_model.text.symbols import V2
from core_model.text.text_data import PLAIN, UPSTREAM, PackageData, open_data, write_data


@functools.cache
def cantonese(table: str = "v2") -> Cantonese:
    return Cantonese(PackageData(UPSTREAM, table), table)


SPELLED = {  # text: what is read, symbols
    "佢話……": ("佢话……", "Yk Yeoi5 Yw Yaa6 … …"),
    "唔該": ("唔该", "Ym Ym4 Yg Yoi1"),
    "五": ("五", "Yng Yg5"),
    "安、愛": ("安,爱", "Yon Yn1 , Yoi Yi3"),
    "嗌": ("嗌", "Yaa Yi3"),
    "等埋我～": ("等埋我-", "Yd Yang2 Ym Yaai4 Yng Yo5 -"),
    "OK啦": ("啦", "Yl Yaa1"),
    "第2名": ("第两名", "Yd Yai6 Yl Yoeng5 Ym Ying4"),
    "！！": ("!!", "! !"),
    "測試^停": ("测试停", "Yc Yaak1 Ys Yi3 Yt Ying4"),
}


@pytest.mark.parametrize(("text", "read", "symbols"), [(text, *spelled) for text, spelled in SPELLED.items()])
def test_texts(text: str, read: str, symbols: str) -> None:
    spelled = cantonese().spell(text)
    assert (spelled.normalised, " ".join(spelled.symbols)) == (read, symbols)


def test_a_syllable_outside_the_table_is_unknown_as_upstream_has_it() -> None:
    """罌 aang1 splits into aa and ng1, and the table has no ng1."""
    assert cantonese().spell("罌").symbols == ("Yaa", "UNK")


def test_the_first_table_has_no_cantonese() -> None:
    spelled = cantonese("v1").spell("多謝晒")
    assert (spelled.symbols, spelled.normalised, spelled.phonemes_per_character) == ((",",), " ", None)


def test_the_plain_reading_mends_what_upstream_misreads() -> None:
    assert cantonese().spell("$25，2月").normalised == ".二十五,两月"
    assert Cantonese(PackageData(PLAIN), "v2").spell("$25，2月").normalised == "二十五蚊,二月"


@pytest.mark.parametrize("text", ["", " ", "ABC", "😀", "\x00", "㗎"])
def test_nothing_to_say(text: str) -> None:
    with pytest.raises(EmptyTextError):
        cantonese().spell(text)


def test_the_longest_word_is_looked_up() -> None:
    few = Jyutping("行 hang4\n銀行 ngan4 hong4\n卅 saa1+aa6\n")
    assert list(few.of("行銀行")) == [("行", ("hang4",)), ("銀", ("ngan4",)), ("行", ("hong4",))]
    assert list(few.of("銀卅?")) == [("銀", ()), ("卅", ("saa1", "aa6")), ("?", ())]


def test_against_to_jyutping() -> None:
    package = pytest.importorskip("ToJyutping")
    table = content("yue.jyutping.txt").decode()
    words = [line.partition(" ")[0] for line in table.splitlines()]
    ours = Jyutping(table)
    draw = random.Random(7)
    texts = [
        "".join(draw.choice((draw.choice(words), chr(draw.randint(0x4E00, 0x9FA5)))) for _ in range(5))
        for _ in range(1000)
    ]
    for text in [*texts, *draw.sample(words, 2000)]:
        theirs = [
            (character, tuple((syllables or "").split())) for character, syllables in package.get_jyutping_list(text)
        ]
        assert list(ours.of(text)) == theirs


@given(st.text(max_size=40))
def test_any_text_is_spelled_or_empty(text: str) -> None:
    try:
        spelled = cantonese().spell(text)
    except EmptyTextError:
        return
    counts = spelled.phonemes_per_character
    assert counts is not None
    assert len(counts) == len(spelled.normalised)
    assert sum(counts) == len(spelled.symbols)
    assert set(spelled.symbols) <= set(V2)


def test_every_character_that_has_a_sound_has_symbols() -> None:
    for line in content("yue.jyutping.txt").decode().splitlines():
        word, _, syllables = line.partition(" ")
        if len(word) == 1:
            assert all(len(_split(syllable)) == 2 for syllable in syllables.replace("+", " ").split())


def test_ten_thousand_characters() -> None:
    cantonese().spell("好")
    for text in ("今日天氣好好，" * 1500, "㗎" * 10_000 + "好", "銀" * 10_000):
        started = time.process_time()
        cantonese().spell(text)
        assert time.process_time() - started < 2


def test_a_voice_reads_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = cantonese().spell("我哋去飲茶")
    write_data(tmp_path, ["yue"], UPSTREAM)
    monkeypatch.setitem(sys.modules, "ToJyutping", None)
    assert Cantonese(open_data(tmp_path), "v2").spell("我哋去飲茶") == expected


def test_the_package_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    cantonese_data._from_package.cache_clear()
    monkeypatch.setitem(sys.modules, "ToJyutping", None)
    with pytest.raises(RuntimeMissingError, match="pip install ToJyutping"):
        content("yue.jyutping.txt")


def test_every_file_can_be_had() -> None:
    for name in cantonese_data.FILES:
        assert PackageData(UPSTREAM).read(name)

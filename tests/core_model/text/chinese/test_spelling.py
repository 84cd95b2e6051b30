from __future__ import annotations

import functools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_model.errors import EmptyTextError
from core_model.text.chinese.spelling import Chinese
from core_model.text.symbols import V1
from core_model.text.text_data import PLAIN, UPSTREAM, PackageData


@functools.cache
def chinese(table: str) -> Chinese:
    return Chinese(PackageData(UPSTREAM, table), table)


def symbols(text: str, table: str = "v2") -> str:
    return " ".join(chinese(table).spell(text).symbols)


def test_a_sentence_with_its_characters() -> None:
    spelled = chinese("v2").spell("他花了$25.5。")
    assert spelled.normalised == "他花了.二十五点五."
    assert spelled.symbols[:7] == ("t", "a1", "h", "ua1", "l", "e5", ".")
    assert spelled.phonemes_per_character == (2, 2, 2, 1, 2, 2, 2, 2, 2, 1)


def test_the_er_of_the_second_table() -> None:
    assert symbols("一根冰棍儿", "v1").endswith("EE er2")
    assert symbols("一根冰棍儿", "v2").endswith("EE er4")
    assert symbols("女儿", "v2") == "n v3 EE er2"


def test_corrections_are_of_the_second_table() -> None:
    assert symbols("照片", "v1") == "zh ao4 p ian1"
    assert symbols("照片", "v2") == "zh ao4 p ian4"


def test_the_plain_reading_mends_what_upstream_misreads() -> None:
    assert chinese("v2").spell("-3.5").normalised == "负三零点五"
    assert Chinese(PackageData(PLAIN), "v2").spell("-3.5").normalised == "负三点五"
    assert Chinese(PackageData(PLAIN), "v2").spell("￥2").symbols == ("EE", "er4", "y", "van2")


def test_pauses() -> None:
    assert symbols("你好，￥再见") == "n i2 h ao3 SP2 z ai4 j ian4"
    assert symbols("快跑^快跑，好") == "k uai4 p ao3 SP3 k uai4 p ao3 SP3 h ao3"
    assert symbols("一￥二^三") == "y i1 SP2 EE er4 s an1"


@pytest.mark.parametrize("text", ["", " ", "ABC", "😀", "\x00\u202e", "か", "〇", "𠮷", "!" and "（）"])
def test_nothing_to_say(text: str) -> None:
    with pytest.raises(EmptyTextError):
        chinese("v2").spell(text)


def test_a_pause_is_something_to_say() -> None:
    """Upstream's way with a mark alone; the door decides whether there is speech in it."""
    assert chinese("v2").spell("。。").symbols == (".",)


@given(
    st.text(
        st.one_of(st.characters(), st.sampled_from("一不儿个的了奶三两零，。！…￥^0123456789.-~/%:年月日+=x²")),
        max_size=40,
    )
)
@pytest.mark.parametrize("table", ["v1", "v2"])
def test_any_text_is_spelled_or_empty(table: str, text: str) -> None:
    try:
        spelled = chinese(table).spell(text)
    except EmptyTextError:
        return
    counts = spelled.phonemes_per_character
    assert counts is not None
    assert len(counts) == len(spelled.normalised)
    assert sum(counts) == len(spelled.symbols)
    assert set(spelled.symbols) <= set(V1)


@pytest.mark.parametrize(
    "text",
    [
        "囧" * 10_000,
        "今天天气真不错，我们去公园散步吧。" * 600,
        "儿" * 10_000,
        "不一" * 5_000,
        "1-" * 5_000,
        "奶" * 10_000,
    ],
    ids=["rare", "prose", "er", "bu yi", "numbers", "doubled"],
)
def test_ten_thousand_characters(text: str) -> None:
    chinese("v2").spell("囧槑")
    started = time.process_time()
    chinese("v2").spell(text)
    assert time.process_time() - started < 2

"""Mixed text: what each code makes of it, split-lang's rules as recorded, and that no text breaks them."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.text import mixed_data
from core_model.text.language_segments import CODES, language_of, segments, split
from core_model.text.phrases import Phrases
from core_model.text.text_data import PackageData

SPLITTER = mixed_data.load(PackageData())
RECORDED = json.loads(Path(__file__).with_name("recorded_packages.json").read_text("utf-8"))
MIXED = st.text(st.sampled_from("ab Zé1.,'。，你好天気あカー한국ㅋЖ😀"), max_size=40)


def said(text: str, code: str) -> list[tuple[str, str]]:
    return [(run.language, run.text) for run in segments(text, code, SPLITTER)]


@pytest.mark.parametrize("code", [code for code in CODES if code != "en"])
def test_each_code(code: str) -> None:
    here = language_of(code)
    if code.startswith("all_"):  # numbers beside English are the other language's
        expected = [(here, "我有3只"), ("en", "cats，"), (here, "5 "), ("en", "dogs")]
    else:
        expected = [(here, "我有3只"), ("en", "cats，5 dogs")]
    assert said("我有3只cats，5 dogs", code) == expected


def test_languages_told_apart() -> None:
    assert said("안녕하세요, hello, 你好, こんにちは.", "auto") == [
        ("ko", "안녕하세요, "),
        ("en", "hello, "),
        ("zh", "你好, "),
        ("ja", "こんにちは."),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Windows11更新了", [("en", "Windows11"), ("ja", "更新了")]),  # the longer neighbour
        ("123", [("zh", "123")]),  # nobody's
        ("Hello 123 world", [("en", "Hello 123 world")]),  # between two of one language
        ("你好，3 hello", [("zh", "你好，"), ("en", "3 hello")]),  # after a mark it opens
    ],
)
def test_numbers_go_to_a_neighbour(text: str, expected: list[tuple[str, str]]) -> None:
    assert said(text, "auto") == expected


def test_the_language_of_a_code() -> None:
    assert [language_of(code) for code in CODES] == [
        "en",
        "zh",
        "ja",
        "ko",
        "yue",
        "zh",
        "yue",
        "zh",
        "ja",
        "ko",
        "yue",
    ]


@settings(max_examples=100, deadline=None)
@given(text=MIXED | st.text(max_size=40), code=st.sampled_from([code for code in CODES if code != "en"]))
def test_segments_are_the_text_in_order(text: str, code: str) -> None:
    rest = iter(text)
    for run in segments(text, code, SPLITTER):
        assert run.text and all(character in rest for character in run.text)  # a subsequence: some of "x" is lost
    default = "".join(run.text for run in split(text, SPLITTER, "zh"))
    assert default == text.strip()


def test_the_runs_are_split_langs() -> None:
    for text, expected in RECORDED["split-lang"]:
        assert [[run.language, run.text] for run in SPLITTER.split(text)] == expected


def test_phrases_are_budouxs() -> None:
    tables = {name: Phrases(mixed_data.content(f"mixed.phrases.{name}.json")) for name in ("ja", "zh")}
    for name, text, expected in RECORDED["budoux"]:
        assert tables[name].split(text) == expected


@pytest.mark.parametrize("content", [b"", b"[]", b'{"UW1": 3}'])
def test_a_table_of_phrases_that_is_none(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Phrases(content)

"""Korean: what the standard says, digits, letters, both readings, and that nothing but an empty text is refused."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.errors import EmptyTextError, RuntimeMissingError
from core_model.text import korean_data, korean_marks, korean_numbers, korean_sounds
from core_model.text.korean import Korean
from core_model.text.korean_morphemes import Morpheme
from core_model.text.symbols import V2
from core_model.text.text_data import PackageData


@pytest.fixture(scope="module")
def upstream() -> Korean:
    return Korean(PackageData("upstream"), "v2")


@pytest.fixture(scope="module")
def plain() -> Korean:
    return Korean(PackageData("plain"), "v2")


def said(korean: Korean, text: str) -> str:
    return "".join(korean.spell(text).symbols)


@pytest.mark.parametrize(
    ("written", "sound", "article"),
    [
        ("희망", "ㅎㅣㅁㅏㅇ", "5: a consonant before ㅢ"),
        ("부엌", "ㅂㅜㅇㅓㄱ", "9: closed codas"),
        ("여덟", "ㅇㅣㅓㄷㅓㄹ", "10: two codas, the first"),
        ("닭", "ㄷㅏㄱ", "11: two codas, the second"),
        ("맑게", "ㅁㅏㄹㄲㅔ", "11: ㄺ of a stem before ㄱ"),
        ("많고", "ㅁㅏㄴㅋㅗ", "12: h before a plosive"),
        ("입학", "ㅇㅣㅍㅏㄱ", "12: a plosive before h"),
        ("좋아", "ㅈㅗㅇㅏ", "12: h before a vowel"),
        ("옷이", "ㅇㅗㅅㅣ", "13: a coda moves"),
        ("넋이", "ㄴㅓㄱㅆㅣ", "14: the second of two moves"),
        ("굳이", "ㄱㅜㅈㅣ", "17: palatal"),
        ("국물", "ㄱㅜㅇㅁㅜㄹ", "18: nasal"),
        ("담력", "ㄷㅏㅁㄴㅣㅓㄱ", "19: l after a nasal"),
        ("칼날", "ㅋㅏㄹㄹㅏㄹ", "20: n beside l"),
        ("국밥", "ㄱㅜㄱㅃㅏㅂ", "23: tense"),
        ("신을 신고", "ㅅㅣㄴㅡㄹ空ㅅㅣㄴㄲㅗ", "24: tense after a stem"),
        ("할 것을", "ㅎㅏㄹ空ㄲㅓㅅㅡㄹ", "27: tense after an ending"),
        ("꽃잎", "ㄲㅗㄴㄴㅣㅂ", "29: an n that is not written"),
    ],
)
def test_the_standard_pronunciation(upstream: Korean, plain: Korean, written: str, sound: str, article: str) -> None:
    assert said(upstream, written) == said(plain, written) == sound + ".", article


@pytest.mark.parametrize(
    ("written", "by_upstream", "by_us"),
    [
        ("무릎이", "ㅁㅜㄹㅡㅂㅣ", "ㅁㅜㄹㅡㅍㅣ"),  # not the name of a letter
        ("디귿이", "ㄷㅣㄱㅡㅅㅣ", "ㄷㅣㄱㅡㅅㅣ"),  # one
        ("밟아", "ㅂㅏㅂㅏ", "ㅂㅏㄹㅂㅏ"),
        ("넓네", "ㄴㅓㅁㄴㅔ", "ㄴㅓㄹㄹㅔ"),
        ("닭튀김", "ㄷㅏㄱㅍㅜㅣㄱㅣㅁ", "ㄷㅏㄱㅌㅜㅣㄱㅣㅁ"),
        ("값표", "ㄱㅏ停ㅍㅣㅗ", "ㄱㅏㅂㅍㅣㅗ"),
    ],
)
def test_the_plain_reading_mends_slips(
    upstream: Korean, plain: Korean, written: str, by_upstream: str, by_us: str
) -> None:
    assert said(upstream, written) == by_upstream + "."
    assert said(plain, written) == by_us + "."


def test_upstream_loses_what_follows_a_final_lh(upstream: Korean, plain: Korean) -> None:
    assert said(upstream, "앓, 예") == "ㅇㅏㄹ空ㅇㅣㅔ."
    assert said(plain, "앓, 예") == "ㅇㅏㄹ,空ㅇㅣㅔ."


@pytest.mark.parametrize(
    ("number", "native", "words"),
    [
        ("0", False, "영"),
        ("3", True, "세"),
        ("20", True, "스무"),
        ("21", True, "스물한"),
        ("120", True, "백스물"),
        ("10,000", False, "만"),
        ("2024", False, "이천이십사"),
        ("00", False, ""),
        ("1" * 17, False, "일" * 17),
    ],
)
def test_numbers(number: str, native: bool, words: str) -> None:
    for as_upstream in (False, True):
        assert korean_numbers.read_number(number, native=native, as_upstream=as_upstream) == words


def test_two_mistakes_of_upstream_in_numbers() -> None:
    def read(number: str, as_upstream: bool) -> str:
        return korean_numbers.read_number(number, native=False, as_upstream=as_upstream)

    assert (read("210000", True), read("210000", False)) == ("이십만", "이십일만")
    assert (read("1000000000", True), read("1000000000", False)) == ("일십억", "십억")
    assert (read("100000000", True), read("100000000", False)) == ("일억", "일억")


def test_digits_without_a_counter_are_read_one_by_one(upstream: Korean) -> None:
    assert said(upstream, "$100") == "停ㅇㅣㄹㅣㅓㅇㅇㅣㅓㅇ."
    assert said(upstream, "3개, 3년") == "ㅅㅔㄱㅐ,空ㅅㅏㅁㄴㅣㅓㄴ."


def test_letters_have_their_korean_names(upstream: Korean) -> None:
    assert said(upstream, "GPU") == said(upstream, "gpu") == "ㅈㅣㅍㅣㅇㅣㅜ."


def test_marks_are_left_out_where_the_analyser_drops_a_line_break() -> None:
    morphemes = [Morpheme("세", "MM"), Morpheme("개", "NNBC")]
    assert korean_marks.marked("세 개", morphemes) == "세 개" + korean_marks.COUNTER
    assert korean_marks.marked("세\n개", morphemes) == "세\n개"


def test_every_junction_has_sounds_of_the_standard() -> None:
    for coda in map(chr, range(0x11A8, 0x11C3)):
        for onset in map(chr, range(0x1100, 0x1113)):
            if onset != "ᄋ":
                left, right = korean_sounds.meet(coda, onset)
                assert left in ("", *"ᆨᆫᆮᆯᆷᆸᆼ")
                assert right in map(chr, range(0x1100, 0x1113))


def test_table_v1_has_no_korean() -> None:
    assert Korean(PackageData("upstream"), "v1").spell("안녕") == Korean(PackageData("upstream"), "v1").symbols("")
    assert Korean(PackageData("upstream"), "v1").spell("안녕").symbols == (",",)
    with pytest.raises(EmptyTextError, match="v1"):
        Korean(PackageData("plain"), "v1").spell("안녕")


@pytest.mark.parametrize("text", ["", " ", "...", "😀", "１２３", "こんにちは", "\0\n\t", "\ud800", "\ue000\ue002"])
def test_nothing_to_say_is_refused(upstream: Korean, text: str) -> None:
    with pytest.raises(EmptyTextError):
        upstream.spell(text)
    assert set(upstream.symbols(text).symbols) <= set(V2)


@given(st.text() | st.text("가각값읽고밟았습니다 13개,.\n1번을 를라ㄱㅏ\u1100\u1161\u11a8\ue000abc😀漢", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_symbols_of_the_table(upstream: Korean, plain: Korean, text: str) -> None:
    for korean in (upstream, plain):
        assert set(korean.symbols(text).symbols) <= set(V2)


def test_ten_thousand_characters(upstream: Korean) -> None:
    upstream.spell("안녕")
    for piece in ("오늘 날씨가 정말 좋네요! 3개 ", "가", "1", "쀍", " ", "\n", "a", "漢"):
        started = time.process_time()
        upstream.symbols((piece * 10_000)[:10_000])
        assert time.process_time() - started < 5, piece


def test_a_missing_dictionary_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    korean_data.load_analyser.cache_clear()
    monkeypatch.setitem(sys.modules, "mecab_ko_dic", None)
    with pytest.raises(RuntimeMissingError, match="pip install python-mecab-ko-dic"):
        Korean(PackageData("upstream"), "v2")
    korean_data.load_analyser.cache_clear()


def test_the_words_are_what_a_voice_carries() -> None:
    for name in korean_data.FILES:
        assert PackageData("upstream").read(name) == korean_data.content(name)
    with pytest.raises(KeyError):
        korean_data.content("../korean.py")


def test_reads_with_an_empty_home_and_without_torch() -> None:
    code = """if True:
        import sys
        from core_model.text.korean import Korean
        from core_model.text.text_data import PackageData
        Korean(PackageData("upstream"), "v2").spell("안녕하세요")
        assert not {"torch", "nltk", "jamo", "mecab"} & set(sys.modules)
    """
    environment = {"HOME": "/nonexistent", "PYTHONPATH": ":".join(sys.path), "PYTHONUTF8": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)

"""Japanese: marks and runs, prosody, both readings, and that nothing but an empty text is refused."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.errors import EmptyTextError, RuntimeMissingError
from core_model.text import japanese_data
from core_model.text.japanese import Japanese
from core_model.text.japanese_accents import with_accents
from core_model.text.japanese_prosody import symbols_of_labels
from core_model.text.symbols import V1, V2
from core_model.text.text_data import PackageData


@pytest.fixture(scope="module")
def upstream() -> Japanese:
    return Japanese(PackageData("upstream"), "v2")


@pytest.fixture(scope="module")
def plain() -> Japanese:
    return Japanese(PackageData("plain"), "v2")


def said(japanese: Japanese, text: str) -> str:
    return " ".join(japanese.spell(text).symbols)


def test_marks_end_a_run_and_spaces_do_so_silently(upstream: Japanese) -> None:
    assert said(upstream, "え、え。え！え？え：え\nえ・え") == "e , e . e ! e ? e , e . e _ e"
    assert said(upstream, "え え　え(え") == "e e UNK e UNK e"
    assert said(upstream, "ｴﾞ") == "e UNK"


def test_repeated_ascii_marks_become_one(upstream: Japanese) -> None:
    assert upstream.spell("え……え!?え！？").normalised == "え…え!え！？"
    assert said(upstream, "え……え!?え！？") == "e … e ! e ! ?"


def test_a_percent_sign_is_read_only_where_it_is_full_width(upstream: Japanese) -> None:
    assert "p a a s e" in said(upstream, "5％")
    assert said(upstream, "5%").endswith("UNK")


def test_table_v1_has_no_prosody_marks() -> None:
    voice = Japanese(PackageData("upstream"), "v1")
    assert voice.spell("橋だ").symbols == ("h", "a", "UNK", "sh", "i", "UNK", "d", "a")
    assert set(voice.spell("東京に行く。").symbols) <= set(V1)


@pytest.mark.parametrize(
    ("text", "by_upstream", "by_us"),
    [
        ("日本", "n i [ cl p o ] N", "n i [ h o ] N"),
        ("あります", "a [ r i m a ] s u", "a ] r i m a s u"),
        ("見てください", "m i ] t e UNK k u [ d a s a ] i", "m i ] t e k u d a s a i"),
        ("この本", "k o [ n o UNK h o ] N", "k o [ n o UNK h o ] N"),
    ],
)
def test_the_two_readings(upstream: Japanese, plain: Japanese, text: str, by_upstream: str, by_us: str) -> None:
    assert said(upstream, text) == by_upstream
    assert said(plain, text) == by_us


def label(phoneme: str, after: str, mora: str, left: str, moras: str) -> str:
    return f"x^x-{phoneme}+x=x/A:{after}+{mora}+{left}/B:xx-xx_xx/C:x/F:{moras}_1#0/G:x"


def test_prosody_of_labels() -> None:
    """Two phrases: ha[shi]da, fall after the second of three moras; then a whispered su, and a pause."""
    labels = [
        label("sil", "xx", "xx", "xx", "xx"),
        label("h", "-1", "1", "3", "3"),
        label("a", "-1", "1", "3", "3"),
        label("sh", "0", "2", "2", "3"),
        label("I", "0", "2", "2", "3"),
        label("d", "1", "3", "1", "3"),
        label("a", "1", "3", "1", "3"),
        label("s", "0", "1", "1", "1"),
        label("U", "0", "1", "1", "1"),
        label("pau", "xx", "xx", "xx", "xx"),
        "not a label",
    ]
    assert symbols_of_labels(labels) == ["h", "a", "[", "sh", "i", "]", "d", "a", "#", "s", "u", "_"]
    assert symbols_of_labels([]) == []


def word(string: str, pos: str, accent: int, moras: int, rule: str = "*", flag: int = -1, **others: str) -> dict:
    """A word as the package gives it, and as `with_accents` reads it."""
    blank = dict.fromkeys(("pos_group1", "pos_group2", "pos_group3", "ctype", "cform"), "*")
    return blank | {
        "string": string, "pos": pos, "acc": accent, "mora_size": moras, "chain_rule": rule, "chain_flag": flag,
        **others
    }  # fmt: skip


def phrases(*words: dict) -> list[tuple[str, bool, int]]:
    """Word, whether it starts a phrase, its accent; the dictionary knows every word just so."""
    entries = [
        f"{w['string']},{w['pos']},{w['pos_group1']},*,*,*,*,{w['string']},X,X,{w['acc']}/{w['mora_size']},{w['chain_rule']}"
        for w in words
    ]
    return [(w["string"], w["chain_flag"] != 1, w["acc"]) for w in with_accents(words, entries)]


@pytest.mark.parametrize(
    ("first", "second", "starts"),
    [
        (word("a", "名詞", 1, 2), word("b", "名詞", 1, 2), False),
        (word("a", "形容詞", 1, 2), word("b", "名詞", 1, 2), True),
        (word("a", "動詞", 1, 2), word("b", "名詞", 1, 2), True),
        (word("a", "副詞", 1, 2), word("b", "動詞", 1, 2), True),
        (word("a", "副詞", 1, 2), word("b", "助詞", 1, 2), False),
        (word("a", "助詞", 1, 2), word("b", "名詞", 1, 2), True),
        (word("a", "動詞", 1, 2, cform="連用形"), word("b", "動詞", 1, 2, pos_group1="非自立"), False),
        (word("て", "助詞", 1, 2, pos_group1="接続助詞"), word("b", "動詞", 1, 2, pos_group1="非自立"), True),
        (word("て", "助詞", 1, 2, pos_group1="接続助詞"), word("b", "形容詞", 1, 2, pos_group1="非自立"), False),
        (word("a", "名詞", 1, 2), word("b", "動詞", 1, 2), True),
        (word("a", "名詞", 1, 2, pos_group3="姓"), word("b", "名詞", 1, 2), True),
        (word("a", "動詞", 1, 2), word("b", "名詞", 1, 2, pos_group1="接尾"), False),
        (word("a", "名詞", 1, 2), word("b", "接頭詞", 1, 2), True),
    ],
)
def test_where_a_phrase_starts(first: dict, second: dict, starts: bool) -> None:
    assert phrases(first, second)[1][1] is starts


@pytest.mark.parametrize(
    ("rule", "own", "accent"),
    [
        ("*", 1, 1), ("F1", 1, 1), ("F2@1", 1, 1), ("F3@1", 1, 3), ("F4@1", 1, 3), ("F5", 1, 0), ("C1", 1, 3),
        ("C2", 1, 3), ("C3", 1, 2), ("C4", 1, 0), ("C5", 1, 1), ("P1", 0, 0), ("P1", 1, 3), ("P2", 0, 3), ("P6", 1, 0),
        ("P14", 0, 1), ("P14", 2, 4), ("動詞%F4@1/名詞%F5", 1, 0), ("動詞%F4@1", 1, 1), ("-1", 1, 1),
    ],
)  # fmt: skip
def test_what_a_word_does_to_the_accent_of_its_phrase(rule: str, own: int, accent: int) -> None:
    found = phrases(word("a", "名詞", 1, 2), word("b", "名詞", own, 2, rule))
    assert found == [("a", True, accent), ("b", False, own)]


def test_numbers_part_after_a_unit(upstream: Japanese) -> None:
    assert said(upstream, "百二十三") == "hy a [ k u UNK n i ] j u u UNK s a [ N"


@pytest.mark.parametrize(
    ("text", "by_upstream", "by_us"),
    [("8個", "h a ] cl k o", "h a [ ch i ] k o"), ("8分", "h a [ cl ] p u N", "h a [ ch i ] f u N"),
     ("3件", "s a [ N ] g e N", "s a ] N k e N")],
)  # fmt: skip
def test_counters(upstream: Japanese, plain: Japanese, text: str, by_upstream: str, by_us: str) -> None:
    assert said(upstream, text) == by_upstream
    assert said(plain, text) == by_us


@pytest.mark.parametrize("text", ["", " ", "。。。", "😀", "々", "ー", "・", "안녕", "\0\n\t", "\ud800", "﨑"])
def test_nothing_to_say_is_refused(upstream: Japanese, text: str) -> None:
    with pytest.raises(EmptyTextError):
        upstream.spell(text)
    assert set(upstream.symbols(text).symbols) <= set(V2)


@given(st.text() | st.text("東京に行った123万円々ーゝ・ヴァｱﾞabcＡ０٣％。…!?\n 한😀\u3099", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_symbols_of_the_table(upstream: Japanese, plain: Japanese, text: str) -> None:
    for japanese in (upstream, plain):
        assert set(japanese.symbols(text).symbols) <= set(V2)


def test_ten_thousand_characters(upstream: Japanese) -> None:
    upstream.spell("はい")
    for piece in ("今日はいい天気ですね。", "東京特許許可局", "あ", "1", "a", "々", "。"):
        started = time.process_time()
        upstream.symbols((piece * 10_000)[:10_000])
        assert time.process_time() - started < 10, piece


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    japanese_data.load_engine.cache_clear()
    monkeypatch.setitem(sys.modules, "pyopenjtalk", None)
    with pytest.raises(RuntimeMissingError, match="pip install pyopenjtalk-plus"):
        Japanese(PackageData("upstream"), "v2")
    japanese_data.load_engine.cache_clear()


def test_the_words_are_what_a_voice_carries() -> None:
    for name in japanese_data.FILES:
        assert PackageData("upstream").read(name) == japanese_data.content(name)
    with pytest.raises(KeyError):
        japanese_data.content("../japanese.py")


def test_reads_with_an_empty_home_whatever_dictionary_the_environment_names() -> None:
    code = """if True:
        import os, sys
        from core_model.text.japanese import Japanese
        from core_model.text.text_data import PackageData
        assert Japanese(PackageData("upstream"), "v2").spell("日本").symbols[0] == "n"
        assert "torch" not in sys.modules
        assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
    """
    environment = {
        "HOME": "/nonexistent",
        "OPEN_JTALK_DICT_DIR": "/nonexistent",
        "PYTHONPATH": ":".join(sys.path),
        "PYTHONUTF8": "1",
    }
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)

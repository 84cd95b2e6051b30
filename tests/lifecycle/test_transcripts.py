"""Three ways of writing down what was said, alone, together, from other machines, damaged, and leading astray."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from lifecycle.transcripts import Transcripts, find


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "recordings"
    made.mkdir()
    return made


def recording(directory: Path, name: str) -> Path:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"never opened here")
    return path


def text_of(found: Transcripts, path: Path) -> str | None:
    return found.by_recording[path].text


def test_a_text_file_beside_the_recording(directory: Path) -> None:
    a, b = recording(directory, "a.wav"), recording(directory, "deep/b.take2.MP3")
    (directory / "a.txt").write_text("\ufeffHello,\n  world. \n", encoding="utf-8")
    (directory / "deep" / "b.take2.txt").write_text("Two.", encoding="utf-8")
    found = find(directory, [a, b], "en")
    assert text_of(found, a) == "Hello, world."
    assert text_of(found, b) == "Two."
    assert found.by_recording[a].source == "txt"
    assert found.by_recording[a].language == "en"


@pytest.mark.parametrize(
    "line",
    [
        "a.wav|me|en|Hello.",
        "./a.wav|me|EN|Hello.",
        "sub/../a.wav|me|en|Hello.",
        "/home/someone/else/data/a.wav|me|en|Hello.",
        "D:\\voices\\me\\a.wav|me|en|Hello.",
        "../../../etc/a.wav|me|en|Hello.",
        "a|me|en|Hello.",
        "  a.wav |me| en |  Hello.  ",
        "a.wav|me|en|Hello.\r",
    ],
)
def test_a_list_from_anywhere_names_the_file_here(directory: Path, line: str) -> None:
    a = recording(directory, "a.wav")
    (directory / "me.list").write_text(line + "\n\n", encoding="utf-8")
    found = find(directory, [a], "en")
    assert text_of(found, a) == "Hello."
    assert found.by_recording[a].language == "en"
    assert found.astray == {"me.list": ()}


def test_a_list_with_paths_of_this_directory(directory: Path) -> None:
    a, b = recording(directory, "one/a.wav"), recording(directory, "two/a.wav")
    lines = [f"{a}|me|en|One.", "/elsewhere/two/a.wav|me|en|Two."]
    (directory / "me.list").write_text("\n".join(lines), encoding="utf-8")
    found = find(directory, [a, b], "en")
    assert (text_of(found, a), text_of(found, b)) == ("One.", "Two.")


def test_a_name_that_could_be_two_files_is_astray(directory: Path) -> None:
    paths = [recording(directory, "one/a.wav"), recording(directory, "two/a.wav")]
    (directory / "me.list").write_text("/data/a.wav|me|en|Which?", encoding="utf-8")
    found = find(directory, paths, "en")
    assert not found.by_recording
    assert found.astray == {"me.list": ("/data/a.wav",)}


def test_the_file_in_the_directory_itself_wins_over_one_below(directory: Path) -> None:
    top, below = recording(directory, "a.wav"), recording(directory, "two/a.wav")
    (directory / "me.list").write_text("/data/a.wav|me|en|Top.", encoding="utf-8")
    found = find(directory, [top, below], "en")
    assert list(found.by_recording) == [top]


@pytest.mark.parametrize(
    ("said", "code"), [("en", "en"), ("EN", "en"), ("jp", "ja"), ("JA", "ja"), ("zh", "zh"), ("xx", "xx"), ("", "")]
)
def test_the_languages_of_lists(directory: Path, said: str, code: str) -> None:
    a = recording(directory, "a.wav")
    (directory / "me.list").write_text(f"a.wav|me|{said}|Hello|you.", encoding="utf-8")
    found = find(directory, [a], "en")
    assert found.by_recording[a].language == code
    assert text_of(found, a) == "Hello|you."


@pytest.mark.parametrize("line", ["a.wav", "a.wav|me", "a.wav|me|en", "a.wav|me|en|", "a.wav|me|en|   "])
def test_a_line_cut_short_has_an_empty_transcript(directory: Path, line: str) -> None:
    a = recording(directory, "a.wav")
    (directory / "me.list").write_text(line, encoding="utf-8")
    assert text_of(find(directory, [a], "en"), a) == ""


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("a|Dr. No|Doctor No", "Doctor No"),
        ("a|Dr. No", "Dr. No"),
        ("a|Dr. No|", "Dr. No"),
        ("a.wav|Dr. No|Doctor No", "Doctor No"),
        ('a|He said "no"|He said "no"', 'He said "no"'),  # LJSpeech quotes nothing
        ("a||", ""),
        ("a", ""),
    ],
)
def test_metadata_like_ljspeech(directory: Path, line: str, text: str) -> None:
    a = recording(directory, "wavs/a.wav")
    (directory / "metadata.csv").write_text(line + "\n", encoding="utf-8")
    found = find(directory, [a], "en")
    assert text_of(found, a) == text
    assert found.by_recording[a].source == "metadata"


def test_which_of_several_counts(directory: Path) -> None:
    a, b, c = (recording(directory, name) for name in ("a.wav", "b.wav", "c.wav"))
    (directory / "a.txt").write_text("from txt", encoding="utf-8")
    (directory / "metadata.csv").write_text("a|from csv\nb|from csv\nc|from csv\n", encoding="utf-8")
    (directory / "2.list").write_text("b.wav|me|en|from second list\n", encoding="utf-8")
    (directory / "1.list").write_text("a.wav|me|en|from list\nb.wav|me|en|from list\nb|me|en|again\n", encoding="utf-8")
    found = find(directory, [a, b, c], "en")
    assert [text_of(found, path) for path in (a, b, c)] == ["from txt", "from list", "from csv"]


def test_lines_that_name_nothing_here_are_told(directory: Path) -> None:
    a = recording(directory, "a.wav")
    (directory / "me.list").write_text("z.wav|me|en|Z.\ny.wav|me|en|Y.\nz.wav|me|en|Z.\n", encoding="utf-8")
    found = find(directory, [a], "en")
    assert found.astray == {"me.list": ("y.wav", "z.wav")}


def test_what_is_not_utf8_is_told_and_never_guessed(directory: Path) -> None:
    a = recording(directory, "a.wav")
    (directory / "a.txt").write_bytes("Übung".encode("latin-1"))
    (directory / "me.list").write_bytes(b"\xff\xfea\x00.\x00")
    found = find(directory, [a], "en")
    assert text_of(found, a) is None
    assert found.unreadable == ("me.list",)


def test_nothing_outside_the_directory_is_read(directory: Path) -> None:
    secret = directory.parent / "secret.txt"
    secret.write_text("a.wav|me|en|secret", encoding="utf-8")
    a = recording(directory, "a.wav")
    (directory / "a.txt").symlink_to(secret)
    (directory / "me.list").symlink_to(secret)
    (directory / "metadata.csv").symlink_to(secret)
    found = find(directory, [a], "en")
    assert text_of(found, a) is None
    assert found.unreadable == ("me.list", "metadata.csv")


def test_a_pipe_in_the_place_of_a_list_is_not_waited_for(directory: Path) -> None:
    a = recording(directory, "a.wav")
    os.mkfifo(directory / "a.txt")
    os.mkfifo(directory / "me.list")
    found = find(directory, [a], "en")
    assert text_of(found, a) is None
    assert found.unreadable == ("me.list",)


def test_accents_match_however_they_are_encoded(directory: Path) -> None:
    a = recording(directory, unicodedata.normalize("NFD", "été.wav"))
    (directory / "me.list").write_text(unicodedata.normalize("NFC", "été.wav|me|en|Summer."), encoding="utf-8")
    assert text_of(find(directory, [a], "en"), a) == "Summer."


def test_no_repr_shows_what_was_said(directory: Path) -> None:
    a = recording(directory, "a.wav")
    (directory / "a.txt").write_text("my bank code is", encoding="utf-8")
    found = find(directory, [a], "en")
    assert "bank" not in repr(found)

"""What is destroyed is gone and was overwritten first; nothing beside it is touched."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from lifecycle import destroying
from lifecycle.cli import main
from lifecycle.destroying import destroy_recordings, destroy_voice
from lifecycle.errors import UnknownVoiceError
from lifecycle.ledgers import read_ledger, remember_subject, write_copy
from lifecycle.store import Store
from privacy.ledger import Ledger
from tests.privacy.ledgers import SUBJECT, entry

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    voice = tmp_path / "home" / "voices" / "ada"
    (voice / "weights").mkdir(parents=True)
    (voice / "voice.json").write_bytes(b"{}")
    (voice / "weights" / "gpt.safetensors").write_bytes(b"w" * 3_000_000)
    return Store(tmp_path / "home")


@pytest.fixture
def last_seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What each file held when its name was taken away."""
    seen: dict[str, bytes] = {}
    unlink = Path.unlink

    def watched(path: Path, missing_ok: bool = False) -> None:
        if path.is_file() and not path.is_symlink():
            seen[path.name] = path.read_bytes()
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    return seen


def test_a_voice_is_overwritten_and_gone(store: Store, last_seen: dict[str, bytes]) -> None:
    (store.home / "work" / "ada").mkdir(parents=True)
    (store.home / "work" / "ada" / "half.safetensors").write_bytes(b"half")
    done = destroy_voice(store, "ada", NOW)
    assert (done.files, done.overwritten, done.bytes) == (3, 3, 3_000_006)
    assert store.names() == ()
    assert list(store.voices_directory.iterdir()) == []
    assert not (store.home / "work" / "ada").exists()
    assert last_seen["gpt.safetensors"] == bytes(3_000_000)
    assert last_seen["half.safetensors"] == bytes(4)
    with pytest.raises(UnknownVoiceError):
        destroy_voice(store, "ada", NOW)


def test_what_has_another_name_elsewhere_is_not_emptied(store: Store, tmp_path: Path) -> None:
    """Migrating gives files of the old voice a second name in the new one."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"kept")
    voice = store.path("ada")
    (voice / "linked").symlink_to(outside / "kept")
    (voice / "linked_directory").symlink_to(outside)
    (tmp_path / "second_name").hardlink_to(voice / "weights" / "gpt.safetensors")
    done = destroy_voice(store, "ada", NOW)
    assert (done.files, done.overwritten) == (4, 1)
    assert (outside / "kept").read_bytes() == b"kept"
    assert (tmp_path / "second_name").read_bytes() == b"w" * 3_000_000


def test_recordings_and_the_words_beside_them_go_and_nothing_else(
    store: Store, tmp_path: Path, last_seen: dict[str, bytes]
) -> None:
    place = tmp_path / "recordings"
    (place / "more").mkdir(parents=True)
    for name in ("a.wav", "more/b.flac"):
        (place / name).write_bytes(b"marker tone")
    (place / "a.txt").write_text("what was said")
    (place / "notes.txt").write_text("mine")
    (tmp_path / "elsewhere.wav").write_bytes(b"not this one")
    (place / "c.wav").symlink_to(tmp_path / "elsewhere.wav")
    done = destroy_recordings(store, "ada", place, NOW)
    assert (done.files, done.overwritten, done.left) == (4, 3, ("notes.txt",))
    assert sorted(path.name for path in place.rglob("*") if path.is_file()) == ["notes.txt"]
    assert last_seen["a.wav"] == bytes(11)
    assert last_seen["a.txt"] == bytes(13)
    assert (tmp_path / "elsewhere.wav").read_bytes() == b"not this one"


def test_a_record_is_left_without_paths(store: Store, tmp_path: Path) -> None:
    place = tmp_path / "Ada Lovelace"
    place.mkdir()
    (place / "a.wav").write_bytes(b"x")
    remember_subject(store, "ada", "speaker-0123456789abcdef")
    destroy_recordings(store, "ada", place, NOW)
    destroy_voice(store, "ada", NOW)
    text = (store.home / "ledgers" / destroying.RECORD).read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["what"] for line in lines] == ["recordings", "voice ada"]
    assert lines[0]["subject"] == "speaker-0123456789abcdef"
    assert "Lovelace" not in text
    assert "solid-state" in lines[0]["not_promised"]


def test_an_interrupted_destruction_leaves_no_voice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(destroying, "overwrite_and_remove", interrupted)
    with pytest.raises(OSError, match="Input"):
        destroy_voice(store, "ada", NOW)
    assert store.names() == ()


def call(store: Store, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["destroy", *words, "--home", str(store.home)])
    return result.exit_code, result.output


def test_the_verb_asks_or_is_told(store: Store) -> None:
    for words in (("ada",), ("ada", "--voice"), ("ada", "--voice", "--json"), ("ada", "--voice", "--recordings", ".")):
        assert call(store, *words)[0] == 2
    assert store.names() == ("ada",)
    code, told = call(store, "ada", "--voice", "--yes")
    assert code == 0
    assert "2 files gone, 2 of them overwritten before." in told
    assert "Not promised: a solid-state disk" in told
    code, told = call(store, "ada", "--voice", "--yes")
    assert code == 1
    assert "no voice called 'ada'" in told


def test_what_was_released_is_not_forgotten_with_the_voice(store: Store) -> None:
    """As on a machine where the voice was restored: the only ledger is the copy in it."""
    write_copy(Ledger().with_entry(entry("local", 4.0)), store.path("ada"))
    assert destroy_voice(store, "ada", NOW).subject == SUBJECT
    assert len(read_ledger(store, SUBJECT).entries) == 1


def test_a_damaged_ledger_keeps_nothing(store: Store) -> None:
    (store.path("ada") / "records").mkdir()
    (store.path("ada") / "records" / "ledger.jsonl").write_bytes(b"damaged\n")
    assert destroy_voice(store, "ada", NOW).subject is None
    assert store.names() == ()


def test_a_file_that_only_its_owner_may_read_goes_too(store: Store) -> None:
    os.chmod(store.path("ada") / "voice.json", 0o400)  # noqa: PTH101
    assert destroy_voice(store, "ada", NOW).overwritten == 2

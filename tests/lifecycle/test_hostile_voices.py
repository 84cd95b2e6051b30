"""Bundles that are right to the last byte round a file that would do harm: not restored, not verified, nothing left.

The files are those of compat_tests/vectors; what each is refused with is tested in tests/test_vectors.py.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.bundle import pack
from core_model.errors import UnsafeFileError, VoiceError
from lifecycle.examining import examine
from lifecycle.restoring import restore
from lifecycle.store import Store
from lifecycle.trusting import Trust
from tests.archive.crafting import IDENTITY
from tests.fenced import PLACES, head_and_body
from tests.lifecycle.paper_voice import pack_paper_voice, write_paper_voice
from tests.test_vectors import VECTORS

FILES = [path for path in sorted(VECTORS.glob("*.vector")) if head_and_body(path.read_bytes())[0]["reads"] in PLACES]
TRUST = Trust((), datetime(2026, 11, 21, tzinfo=UTC), accept_unsigned=True)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.mark.parametrize("vector", FILES, ids=lambda path: path.stem)
def test_it_is_neither_restored_nor_verified(vector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head, body = head_and_body(vector.read_bytes())
    (tmp_path / "file").write_bytes(body)
    pack(tmp_path / "x.voice", {PLACES[head["reads"]]: tmp_path / "file"}, public=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    store = Store(tmp_path / "home")
    with pytest.raises(VoiceError) as caught:
        restore(tmp_path / "x.voice", (), store, "eve", trust=TRUST)
    assert head["says"] in str(caught.value)
    assert isinstance(caught.value, UnsafeFileError) == (head["expect"] == "file")
    with pytest.raises(VoiceError, match="^" + PLACES[head["reads"]].replace(".", r"\.")):
        examine(str(tmp_path / "x.voice"), (), store, ("torch",), trust=TRUST)
    assert not list((tmp_path / "here").iterdir())
    assert store.names() == ()
    assert [path for path in (tmp_path / "home").rglob("*") if path.is_file() and path.name != ".lock"] == []


@pytest.mark.parametrize("value", ["", "x", 5, None, [1], True])
def test_a_size_that_this_version_does_not_know_breaks_nothing(value: object, tmp_path: Path) -> None:
    voice = write_paper_voice(tmp_path / "anna")
    described = json.loads((voice.directory / "voice.json").read_text())
    described["gpt"]["of a later version"] = value
    (voice.directory / "voice.json").write_text(json.dumps(described))
    pack_paper_voice(tmp_path / "x.voice", voice, IDENTITY.recipient)
    restored = restore(tmp_path / "x.voice", (IDENTITY,), Store(tmp_path / "home"), "eve", trust=TRUST)
    assert restored.voice.prompt("default").style.shape[0] == 1

"""What was archived comes back whole, or nothing does and the reason is one sentence."""

from __future__ import annotations

import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from archive.age.keys import identity_file
from archive.age.x25519 import X25519Identity
from archive.bundle import pack
from lifecycle.cli import main
from lifecycle.store import Store
from tests.lifecycle.paper_voice import pack_paper_voice, write_paper_voice


@dataclass(frozen=True)
class Case:
    """A bundle of the voice 'anna', its key, and an empty home."""

    bundle: Path
    key: Path
    bundle_id: str
    source: Path
    home: Path

    def restore(self, *more: str) -> Result:
        call = [
            "restore",
            str(self.bundle),
            "--identity",
            str(self.key),
            "--home",
            str(self.home),
            "--accept-unsigned",
            *more,
        ]
        return CliRunner().invoke(main, call)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    voice = write_paper_voice(tmp_path / "made" / "anna")
    identity = X25519Identity.generate(os.urandom)
    (tmp_path / "key.txt").write_text(identity_file(identity, created="now"))
    packed = pack_paper_voice(tmp_path / "anna.voice", voice, identity.recipient)
    return Case(tmp_path / "anna.voice", tmp_path / "key.txt", packed.bundle_id, voice.directory, tmp_path / "home")


def files_below(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_restored_voice_is_the_archived_one_byte_for_byte(case: Case) -> None:
    result = case.restore("--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    where = str(case.home / "voices" / "anna")
    signed = {"trusted": False, "signatures": []}
    assert told == {"voice": "anna", "path": where, "bundle_id": case.bundle_id, **signed}
    restored = files_below(Store(case.home).path("anna"))
    del restored["manifest.json"]
    assert restored == files_below(case.source)


def test_a_voice_can_be_called_something_else(case: Case) -> None:
    assert case.restore("--as", "bert").exit_code == 0
    assert Store(case.home).names() == ("bert",)


def refused(result: Result, home: Path, kind: str) -> None:
    """See that *result* is one sentence and one hint, and that nothing was restored."""
    assert result.exit_code == 1, result.output
    assert json.loads(result.stdout)["error"]["kind"] == kind
    voices = home / "voices"
    assert not voices.exists() or list(voices.iterdir()) == []


@pytest.mark.parametrize("where", [0.002, 0.5, 0.9])
def test_a_flipped_byte_restores_nothing(case: Case, where: float) -> None:
    with tarfile.open(case.bundle) as bundle:
        payload = bundle.getmember("payload.tar.age")
    data = bytearray(case.bundle.read_bytes())
    header = 400  # bytes of the encryption header, and some: damage there has a sentence of its own
    data[payload.offset_data + header + int((payload.size - header) * where)] ^= 1
    case.bundle.write_bytes(data)
    refused(case.restore("--json"), case.home, "AgePayloadError")


def test_a_truncated_file_restores_nothing(case: Case) -> None:
    os.truncate(case.bundle, case.bundle.stat().st_size // 2)
    result = case.restore("--json")
    assert result.exit_code == 1
    assert "error" in json.loads(result.stdout)
    assert Store(case.home).names() == ()


def test_a_wrong_key_restores_nothing(case: Case) -> None:
    case.key.write_text(identity_file(X25519Identity.generate(os.urandom), created="now"))
    refused(case.restore("--json"), case.home, "NoMatchingKeyError")


def test_a_bundle_without_a_key_restores_nothing(case: Case) -> None:
    result = CliRunner().invoke(main, ["restore", str(case.bundle), "--home", str(case.home), "--json"])
    refused(result, case.home, "NoMatchingKeyError")


def test_a_name_that_is_taken_is_left_alone(case: Case) -> None:
    assert case.restore().exit_code == 0
    before = files_below(case.home)
    result = case.restore("--json")
    assert json.loads(result.stdout)["error"]["kind"] == "VoiceExistsError"
    assert files_below(case.home) == before


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", ".."])
def test_a_name_that_would_escape_is_refused(case: Case, name: str) -> None:
    refused(case.restore("--as", name, "--json"), case.home, "VoiceNameError")


def test_a_name_that_would_escape_is_refused_from_the_bundle_too(case: Case, tmp_path: Path) -> None:
    pack(case.bundle, {"x": case.key}, description={"voice": "../evil"}, public=True)
    refused(case.restore("--json"), case.home, "VoiceNameError")


def test_a_bundle_that_holds_no_voice_restores_nothing(case: Case) -> None:
    pack(case.bundle, {"x": case.key}, description={"voice": "anna"}, public=True)
    refused(case.restore("--json"), case.home, "VoiceError")


def test_what_is_no_bundle_is_refused(case: Case) -> None:
    case.bundle.write_text("Dear diary")
    result = case.restore("--json")
    assert result.exit_code == 1
    assert "error" in json.loads(result.stdout)


def test_check_finds_no_damage_in_a_whole_bundle_and_says_what_it_cannot_see(case: Case) -> None:
    result = CliRunner().invoke(main, ["check", str(case.bundle)])
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("No damage found.\n")
    assert "not checked" in result.stdout


def test_check_names_the_damage(case: Case) -> None:
    data = bytearray(case.bundle.read_bytes())
    data[len(data) // 2] ^= 1
    case.bundle.write_bytes(data)
    result = CliRunner().invoke(main, ["check", str(case.bundle), "--json"])
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["whole"] is False
    assert "payload.tar.age" in told["damage"][0]["entry"]


def test_an_empty_name_is_no_name(case: Case) -> None:
    result = case.restore("--as", "")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "cannot be the name of a voice" in result.stderr

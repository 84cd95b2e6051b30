"""Consent in voices: signed, chained, asked for where a voice leaves its maker's hands.

The voices are directories with a voice.json and weights: what an archive would do further is not reached here, or is
put out of the way.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from archive.signing import Signer
from core_model.voice import Voice, json_bytes
from lifecycle import preserving
from lifecycle.cli import main
from lifecycle.consenting import (
    RECORD,
    carry_over,
    consent_of,
    is_of_somebody,
    read_statements,
    require_consent,
    weights_of,
)
from lifecycle.ledgers import subject_of
from lifecycle.store import Store
from lifecycle.trusting import own_signer
from privacy.errors import ConsentDamagedError, NoConsentError
from tests.tiny_voice import make_tiny_voice

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose voice 'ada' says that it learnt from a person's recordings."""
    home = tmp_path_factory.mktemp("source") / "home"
    voice = make_tiny_voice(home / "voices" / "ada", golden=False)
    description = replace(voice.description, lineage={"base": "nano"})
    (voice.directory / "voice.json").write_bytes(json_bytes(description.document()))
    return home


@pytest.fixture
def store(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    shutil.copytree(source, tmp_path / "home")
    monkeypatch.setattr(preserving, "kinds_of", lambda voice: ())  # no exports: ten seconds each
    monkeypatch.chdir(tmp_path)
    yield Store(tmp_path / "home")


def call(store: Store, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, [*words, "--home", str(store.home)])
    return result.exit_code, result.output


def agree(store: Store, *words: str, expires: str = "2099-12-31") -> tuple[int, str]:
    return call(store, "consent", "ada", "--speaker", "Ada Lovelace", "--expires", expires, *words)


def public(store: Store) -> tuple[int, str]:
    return call(store, "archive", "ada", "--public", "--redundancy", "0", "-o", str(store.home / "ada.voice"))


def for_others(store: Store, *words: str) -> tuple[int, str]:
    slip = store.home / "slip"
    slip.write_text("correct horse\n")
    words = ("--passphrase-file", str(slip), "--redundancy", "0", "-o", str(store.home / "ada.voice"), *words)
    return call(store, "archive", "ada", *words)


def test_without_consent_a_voice_is_archived_for_oneself_alone(store: Store) -> None:
    code, told = public(store)
    assert code == 1
    assert "nobody has said whose voice this is" in told
    assert "Hint: `lifecycle consent`" in told
    assert for_others(store, "--for-others")[0] == 1
    assert not (store.home / "ada.voice").exists()
    assert not (store.home / "keys").exists()
    code, told = for_others(store)
    assert code == 0, told
    assert "it is for yourself, and may be for nobody else" in told


def test_with_it_what_was_agreed_to_and_no_more(store: Store) -> None:
    assert agree(store, "--scope", "others")[0] == 0
    assert for_others(store, "--for-others")[0] == 0
    code, told = public(store)
    assert code == 1
    assert "is for others, not for public" in told
    assert agree(store, "--scope", "others", "--scope", "public")[0] == 0
    assert public(store)[0] == 0


def test_after_it_ended_it_is_archived_no_more(store: Store) -> None:
    agree(store, "--scope", "public", expires=datetime.now(UTC).date().isoformat())
    assert public(store)[0] == 0
    for scope in ("public", None):
        with pytest.raises(Exception, match="ended on"):
            require_consent(store, "ada", scope, datetime(2199, 1, 1, tzinfo=UTC))


def test_a_consent_that_has_ended_already_is_not_recorded(store: Store) -> None:
    code, told = agree(store, "--scope", "public", expires="2020-01-01")
    assert code == 1
    assert "has ended already" in told
    assert read_statements(store.path("ada")) == ()
    assert "is no day" in agree(store, expires="tomorrow")[1]


def test_taken_back_it_is_archived_for_nobody(store: Store) -> None:
    agree(store, "--scope", "public")
    code, told = call(store, "revoke", "ada")
    assert code == 0
    assert "TAKEN BACK" in told
    for code, told in (public(store), for_others(store), for_others(store, "--for-others")):
        assert code == 1
        assert "was taken back on" in told


@pytest.mark.parametrize("flag", ["--i-am-the-speaker", "--synthetic"])
def test_where_nobody_else_is_to_be_asked(store: Store, flag: str) -> None:
    assert call(store, "consent", "ada", flag)[0] == 0
    assert public(store)[0] == 0


def test_no_name_and_no_statement_is_kept_unless_somebody_asks(store: Store) -> None:
    letter = store.home / "letter.txt"
    letter.write_text("I, Ada Lovelace, agree.")
    code, told = agree(store, "--statement", str(letter))
    assert code == 0
    kept = (store.path("ada") / "records" / RECORD).read_text()
    assert "Lovelace" not in kept + told
    assert hashlib.sha256(letter.read_bytes()).hexdigest() in kept
    assert subject_of(store, "ada") in kept
    agree(store, "--name-in-clear")
    assert "Lovelace" in (store.path("ada") / "records" / RECORD).read_text()


def test_other_weights_are_not_covered(store: Store) -> None:
    agree(store, "--scope", "public")
    weights = store.path("ada") / "weights" / "gpt.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    code, told = public(store)
    assert code == 1
    assert "about other weights" in told


def test_a_changed_removed_or_moved_line_is_refused(store: Store) -> None:
    agree(store, "--scope", "others")
    agree(store, "--scope", "public")
    path = store.path("ada") / "records" / RECORD
    whole = path.read_bytes()
    first, second = whole.splitlines(keepends=True)
    for wrong in (whole.replace(b"2099", b"2199"), second, second + first, whole[:-9], b"{}\n", b"[" * 9999):
        path.write_bytes(wrong)
        with pytest.raises(ConsentDamagedError):
            read_statements(store.path("ada"))
        assert public(store)[0] == call(store, "consent", "ada")[0] == 1
    path.write_bytes(whole)
    assert public(store)[0] == 0


def test_somebody_elses_consent_is_not_this_homes(store: Store, tmp_path: Path) -> None:
    agree(store, "--scope", "public")
    shutil.copytree(store.home, tmp_path / "second")
    shutil.rmtree(tmp_path / "second" / "keys")
    second = Store(tmp_path / "second")
    own_signer(second, os.urandom)
    with pytest.raises(NoConsentError, match=r"signed by SHA256:.*not by this home"):
        require_consent(second, "ada", "public", NOW)
    assert call(second, "revoke", "ada")[0] == 0  # but whoever it is, a revocation counts
    shutil.copy(second.path("ada") / "records" / RECORD, store.path("ada") / "records" / RECORD)
    assert "taken back" in public(store)[1]


def test_it_goes_along_to_what_is_made_of_the_voice_without_the_digests(store: Store) -> None:
    agree(store, "--scope", "public")
    made = store.voices_directory / "made"
    shutil.copytree(store.path("ada"), made)
    (made / "records" / RECORD).unlink()
    (made / "weights" / "gpt.safetensors").write_bytes(b"other weights")
    (made / "records" / "release.json").write_text("{}")
    agreed = consent_of(store, "ada", NOW)
    assert agreed is not None
    carry_over(agreed, made, own_signer(store, os.urandom))
    [said] = read_statements(made)
    assert (said.statement.scope, said.statement.expires) == (("public",), "2099-12-31")
    assert said.statement.weights == weights_of(made)
    assert set(said.statement.weights) == {"gpt", "sovits", "default"}
    gpt = hashlib.sha256((store.path("ada") / "weights" / "gpt.safetensors").read_bytes()).hexdigest()
    assert gpt not in (made / "records" / RECORD).read_text()


def test_a_voice_of_nobody_needs_none() -> None:
    assert not is_of_somebody({"base": "none"})
    assert not is_of_somebody({"base": "nano", "released": {"mode": "anonymous"}})
    assert is_of_somebody({"base": "nano", "released": {"mode": "local"}})
    assert is_of_somebody({"base": "nano"})
    assert is_of_somebody({"imported": {}})
    assert is_of_somebody({"fine_tuned": {}})


def test_ssh_keygen_verifies_a_line(store: Store, tmp_path: Path) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    agree(store, "--scope", "public")
    document = json.loads((store.path("ada") / "records" / RECORD).read_text())
    (tmp_path / "line.sig").write_text(document.pop("signature"))
    line = json.dumps(document, sort_keys=True, separators=(",", ":"))
    signer = Signer.parse((store.home / "keys" / "signing").read_text())
    (tmp_path / "allowed").write_text(f"maker {signer.public.line}")
    command = ["ssh-keygen", "-Y", "verify", "-n", "lifecycle-consent@v1", "-I", "maker"]
    command += ["-f", str(tmp_path / "allowed"), "-s", str(tmp_path / "line.sig")]
    assert subprocess.run(command, input=line, text=True, capture_output=True, check=False).returncode == 0


def test_what_was_said_is_shown(store: Store) -> None:
    assert "Nobody has said" in call(store, "consent", "ada")[1]
    agree(store, "--scope", "others")
    code, told = call(store, "consent", "ada", "--json")
    facts = json.loads(told)
    assert code == 0
    assert facts["statements"][0]["scope"] == ["others"]
    assert facts["statements"][0]["expires"] == "2099-12-31"


@pytest.mark.parametrize(
    "words",
    [
        ("--speaker", "Ada"),
        ("--expires", "2099-01-01"),
        ("--scope", "public"),
        ("--synthetic", "--i-am-the-speaker"),
        ("--speaker", "Ada", "--expires", "2099-01-01", "--scope", "everything"),
    ],
)
def test_a_call_that_makes_no_sense(store: Store, words: tuple[str, ...]) -> None:
    assert call(store, "consent", "ada", *words)[0] == 2


def test_a_voice_opens_with_its_records(store: Store) -> None:
    agree(store)
    assert Voice.open(store.path("ada")).name == "ada"

"""Whose a bundle is, through the command line: keygen --signing, --trust, --accept-unsigned, refresh and inspect."""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from archive.age.keys import identity_file, parse_identities
from archive.bundle import pack
from archive.custody import Act
from archive.signing import Signer
from lifecycle.cli import main
from lifecycle.forecast_rules import read_rules
from lifecycle.inspecting import inspect
from lifecycle.secret_files import read_identities
from lifecycle.store import Store
from lifecycle.trusting import own_signer, read_signer, read_trust
from tests.archive.crafting import IDENTITY, STRANGER, drip
from tests.archive.signers import ANNA, NOW, needs_ssh_keygen, ssh_keygen
from tests.lifecycle.paper_voice import write_paper_voice


def call(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@dataclass(frozen=True)
class Case:
    """A bundle of the voice 'anna', signed by Anna; her public half, a key that opens it, and an empty home."""

    place: Path

    @property
    def bundle(self) -> Path:
        return self.place / "anna.voice"

    @property
    def home(self) -> Path:
        return self.place / "home"

    @property
    def pub(self) -> Path:
        return self.place / "anna.pub"

    def call(self, verb: str, *more: object, bundle: Path | None = None) -> Result:
        return call(verb, bundle or self.bundle, "-i", self.place / "key.txt", "--home", self.home, *more)

    def answer(self, verb: str, *more: object, bundle: Path | None = None, exit_code: int = 0) -> dict[str, Any]:
        result = self.call(verb, *more, "--json", bundle=bundle)
        assert result.exit_code == exit_code, result.output
        told: dict[str, Any] = json.loads(result.stdout)
        return told


@pytest.fixture
def case(tmp_path: Path) -> Case:
    voice = write_paper_voice(tmp_path / "made" / "anna")
    (tmp_path / "key.txt").write_text(identity_file(IDENTITY, created="now"))
    (tmp_path / "anna.pub").write_text(ANNA.public_file())
    paths = (path for path in voice.directory.rglob("*") if path.is_file())
    members = {path.relative_to(voice.directory).as_posix(): path for path in paths}
    described = {"voice": "anna", "licence": "CC0", "preview": True}
    act = Act(ANNA, NOW, "lifecycle 0.1.0")
    recipients = [IDENTITY.recipient]
    pack(tmp_path / "anna.voice", members, description=described, recipients=recipients, act=act, redundancy=0)
    return Case(tmp_path)


def other_payload(case: Case) -> Path:
    """The bundle of somebody who has the recipient: another voice under Anna's signature."""
    with tarfile.open(case.bundle) as tar:
        place = next(item for item in tar.getmembers() if item.name == "payload.tar.age.sig")
    data = bytearray(case.bundle.read_bytes())
    forged = Signer.generate(drip("forger"), "").sign(bytes(64))
    data[place.offset_data : place.offset_data + place.size] = forged
    sums_at = data.index(b"  payload.tar.age.sig\n") - 64
    data[sums_at : sums_at + 64] = hashlib.sha256(forged).hexdigest().encode()
    (case.place / "forged.voice").write_bytes(data)
    return case.place / "forged.voice"


# ---- restore and verify


def test_who_is_named_is_trusted(case: Case) -> None:
    told = case.answer("restore", "--trust", case.pub)
    assert told["trusted"] is True
    assert [signature["fingerprint"] for signature in told["signatures"]] == [
        ANNA.public.fingerprint,
        ANNA.ml_dsa_fingerprint,
    ]
    attestation = Store(case.home).path("anna") / "manifest.dsse.json"
    assert json.loads(attestation.read_bytes())["mediaType"].startswith("application/vnd.dev.sigstore.bundle")


@pytest.mark.parametrize("form", ["line", "allowed_signers"])
def test_a_line_and_a_list_will_do(form: str, case: Case) -> None:
    (case.place / "allowed").write_text(f'anna namespaces="lifecycle-bundle@v1" {ANNA.public.line}')
    assert case.answer("restore", "--trust", ANNA.public.line.strip() if form == "line" else case.place / "allowed")


def test_a_stranger_restores_nothing_unless_that_is_accepted(case: Case) -> None:
    result = case.call("restore")
    assert result.exit_code == 1
    assert ANNA.public.fingerprint in result.stderr
    assert "--accept-unsigned" in result.stderr
    assert Store(case.home).names() == ()
    told = case.call("restore", "--accept-unsigned")
    assert told.exit_code == 0
    assert "NOBODY YOU TRUST VOUCHES FOR THIS VOICE" in told.stderr
    assert ANNA.public.fingerprint in told.stdout


def test_an_unsigned_bundle_restores_nothing_unless_that_is_accepted(case: Case) -> None:
    pack(case.bundle, {"x": case.pub}, description={"voice": "anna"}, public=True, redundancy=0)
    for more in ((), ("--trust", case.pub)):
        told = case.answer("restore", *more, exit_code=1)
        assert told["error"]["kind"] == "NotTrustedError"
    assert case.answer("restore", "--accept-unsigned", exit_code=1)["error"]["kind"] == "VoiceError"


def test_a_forged_signature_is_worse_than_none(case: Case) -> None:
    forged = other_payload(case)
    for more in ((), ("--trust", case.pub)):
        for verb in ("restore", "verify"):
            told = case.answer(verb, *more, bundle=forged, exit_code=1)
            assert told["error"]["kind"] == "NotTrustedError"
    result = case.call("restore", "--trust", case.pub, bundle=forged)
    assert "ask who changed this one" in result.stderr
    assert "was changed after it was signed" in result.stderr
    assert Store(case.home).names() == ()


def test_verify_says_who_signed_and_refuses_whom_it_was_not_to_be(case: Case) -> None:
    loud = case.call("verify")
    assert "NOBODY YOU TRUST VOUCHES FOR THIS BUNDLE" in loud.stderr
    assert f"signature  ssh-ed25519 {ANNA.public.fingerprint}" in loud.stdout
    quiet = case.call("verify", "--trust", case.pub)
    assert "NOBODY" not in quiet.output
    assert "right, trusted as anna@example.org" in quiet.stdout
    mallory = Signer.generate(drip("mallory"), "").public.line.strip()
    told = case.answer("verify", "--trust", mallory, exit_code=1)
    assert told["error"]["kind"] == "NotTrustedError"


@pytest.mark.parametrize("text", ["", "Dear diary", "ssh-rsa AAAA"])
def test_what_names_nobody_is_refused(text: str, case: Case) -> None:
    (case.place / "list").write_text(text)
    assert case.answer("restore", "--trust", case.place / "list", exit_code=1)["error"]["kind"] == "TrustError"


def test_a_list_that_is_not_there_is_told(case: Case) -> None:
    result = case.call("restore", "--trust", case.place / "missing")
    assert result.exit_code == 1
    assert "no such file" in result.stderr


# ---- the home's own key and keygen --signing


def test_a_home_makes_its_key_once_and_trusts_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    signer = own_signer(store, drip("home"))
    assert own_signer(store, drip("another")) == signer
    assert (tmp_path / "home" / "keys" / "signing").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "home" / "keys" / "signing.pub").read_text() == signer.public_file()
    (key,) = read_trust((), store, NOW).keys
    assert (key.key.raw, key.ml_dsa) == (signer.public.raw, signer.ml_dsa_fingerprint)
    assert read_trust((), Store(tmp_path / "other"), NOW).keys == ()


def test_public_halves_that_a_killed_first_use_left_do_not_stay(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "signing.pub").write_text(ANNA.public_file())
    signer = own_signer(store, drip("home"))
    assert (tmp_path / "keys" / "signing.pub").read_text() == signer.public_file()


def test_keygen_signing_writes_what_ssh_keygen_reads_and_never_overwrites(tmp_path: Path) -> None:
    result = call("keygen", "--signing", "--name", "Åsa <asa@example.org>", "-o", tmp_path / "key", "--json")
    told = json.loads(result.stdout)
    signer = read_signer(tmp_path / "key")
    assert (signer.name, told["fingerprint"]) == ("Åsa <asa@example.org>", signer.public.fingerprint)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "key.p256.pub").read_text().startswith("-----BEGIN PUBLIC KEY-----")
    before = (tmp_path / "key").read_bytes()
    assert call("keygen", "--signing", "-o", tmp_path / "key").exit_code == 1
    assert (tmp_path / "key").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "key.p256.pub", "key.pub"]


@needs_ssh_keygen
def test_ssh_keygen_shows_the_same_fingerprint(tmp_path: Path) -> None:
    fingerprint = call("keygen", "--signing", "-o", tmp_path / "key").stdout.strip()
    assert ssh_keygen("-l", "-f", tmp_path / "key").stdout.decode().split()[1] == fingerprint
    assert ssh_keygen("-l", "-f", tmp_path / "key.pub").stdout.decode().split()[1] == fingerprint


@pytest.mark.parametrize("more", [["--name", "x"], ["--signing", "--x25519"], ["--signing", "--name", "a\nb"]])
def test_keys_of_two_kinds_at_once_make_no_sense(more: list[str], tmp_path: Path) -> None:
    assert call("keygen", "-o", tmp_path / "key", *more).exit_code == 2
    assert list(tmp_path.iterdir()) == []


# ---- refresh


def test_refresh_changes_the_key_and_not_the_voice(case: Case) -> None:
    before = case.bundle.read_bytes()
    (case.place / "new.txt").write_text(identity_file(STRANGER, created="now"))
    new = case.place / "new.voice"
    told = case.answer("refresh", "-o", new, "--to", STRANGER.recipient, "--trust", case.pub, "--redundancy", 0)
    assert case.bundle.read_bytes() == before
    assert [record["what"] for record in told["custody"]] == ["archived", "refreshed"]
    assert told["bundle_id"] == told["custody"][0]["bundle_id"]
    own = read_signer(case.home / "keys" / "signing").public.fingerprint
    assert told["signed_by"] == told["custody"][1]["key"] == own
    back = call("restore", new, "-i", case.place / "new.txt", "--home", case.home, "--json")
    assert json.loads(back.stdout)["bundle_id"] == told["bundle_id"]  # this home signed it, and trusts itself
    assert call("restore", new, "-i", case.place / "key.txt", "--home", case.home, "--as", "b").exit_code == 1


def test_refresh_asks_who_signed(case: Case) -> None:
    new = case.place / "new.voice"
    told = case.answer("refresh", "-o", new, "--public", exit_code=1)
    assert told["error"]["kind"] == "NotTrustedError"
    assert not new.exists()
    result = case.call("refresh", "-o", new, "--public", "--accept-unsigned", "--redundancy", 0)
    assert result.exit_code == 0, result.output
    assert "From here on you do" in result.stderr


def test_refresh_never_overwrites(case: Case) -> None:
    before = case.bundle.read_bytes()
    told = case.answer("refresh", "-o", case.bundle, "--public", "--trust", case.pub, exit_code=1)
    assert told["error"]["kind"] == "OutputExistsError"
    assert case.bundle.read_bytes() == before


@pytest.mark.parametrize("more", [[], ["--public", "--to", "age1x"]])
def test_refresh_wants_to_know_for_whom(more: list[str], case: Case) -> None:
    assert case.call("refresh", "-o", case.place / "new", *more).exit_code == 2


# ---- inspect


def test_inspect_without_a_key_tells_what_everybody_can_see(case: Case) -> None:
    told = json.loads(call("inspect", case.bundle, "--home", case.home, "--trust", case.pub, "--json").stdout)
    assert told["format"] == "voice bundle, format 1"
    assert told["recipients"] == ["X25519"]
    assert told["trusted"] is True
    assert told["inside"] is None
    assert [member["name"] for member in told["members"]][3:5] == ["payload.tar.age", "custody.jsonl"]
    assert told["custody"][0]["when"] == "2045-11-21T12:30:05Z"
    assert told["recovery"] == []
    text = call("inspect", case.bundle, "--home", case.home).stdout
    for words in (ANNA.public.fingerprint, "NOBODY YOU TRUST", "that takes a key", "quantum", "no recovery data"):
        assert words in text, words


def test_inspect_with_a_key_lists_the_files(case: Case) -> None:
    told = case.answer("inspect", "--trust", case.pub)
    inside = told["inside"]
    assert inside["description"]["voice"] == "anna"
    assert {entry["path"] for entry in inside["entries"]} >= {"voice.json"}
    assert inside["bundle_id"] == told["custody"][0]["bundle_id"]
    assert inside["attested_by"].startswith("SHA256:")
    assert "voice.json  (json 1)" in case.call("inspect").stdout
    assert any("preview" in risk for risk in told["risks"])


def test_inspect_says_no_to_what_is_wrong(case: Case) -> None:
    told = case.answer("inspect", bundle=other_payload(case), exit_code=1)
    assert told["signatures"][0]["valid"] is False
    mallory = Signer.generate(drip("mallory"), "").public.line.strip()
    assert case.answer("inspect", "--trust", mallory, exit_code=1)["trusted"] is False
    assert case.answer("inspect")["trusted"] is False  # nobody was asked for: said, and no refusal


def test_what_will_not_last_depends_on_the_day(case: Case) -> None:
    identities = read_identities((case.place / "key.txt",), None)
    assert parse_identities((case.place / "key.txt").read_text())
    for year, told in ((2046, False), (2060, True)):
        trust = read_trust((), Store(case.home), NOW.replace(year=year))
        risks = inspect(case.bundle, identities, trust=trust, rules=read_rules()).risks
        due = {risk.rule: risk.due for risk in risks}
        assert due["written-long-ago"] == ("now" if told else "2055-11")
    assert datetime.fromisoformat("2045-11-21T12:30:05Z") == NOW


def test_a_name_that_moves_the_cursor_is_shown_harmless(case: Case) -> None:
    rude = Act(Signer(ANNA.seed, "\x1b[2Janna"), NOW)
    pack(case.bundle, {"x": case.pub}, public=True, act=rude, redundancy=0)
    result = call("inspect", case.bundle, "--home", case.home)
    assert "\x1b" not in result.output
    assert "anna" in result.stdout

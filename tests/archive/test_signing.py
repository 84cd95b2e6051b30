"""Signed bundles: who made one is told by anybody's tools, and a changed, swapped or missing signature is noticed."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from archive.age.scrypt import ScryptIdentity
from archive.bundle import check, open_bundle, pack
from archive.custody import Act
from archive.errors import ArchiveError, CustodyError, DamagedError, FormatError, SignatureError
from archive.outside import look
from archive.signing import NAMESPACE, Signature, is_trusted
from archive.ssh_keys import TrustedKey, parse_trusted
from tests.archive.crafting import END, IDENTITY, PASSPHRASE, STRANGER, stand_alone, tar_entry, write_members
from tests.archive.signers import ACT, ANNA, MALLORY, NOW, needs_ssh_keygen, ssh_keygen

TRUSTED = parse_trusted(ANNA.public_file())
ED25519_ALONE = (TrustedKey(ANNA.public, "anna"),)
BEFORE = Path(__file__).parent / "before_signatures"


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_members(tmp_path_factory.mktemp("signed"))


@pytest.fixture(scope="module", params=["x25519", "public"])
def signed(request: pytest.FixtureRequest, members: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of each kind, signed by Anna."""
    path: Path = tmp_path_factory.mktemp(request.param) / "anna.voice"
    public = request.param == "public"
    recipients = [] if public else [IDENTITY.recipient]
    pack(path, members, description={"voice": "anna"}, recipients=recipients, public=public, act=ACT, redundancy=0)
    return path


def parts(path: Path) -> dict[str, bytes]:
    """The outer members, as tarfile sees them."""
    with tarfile.open(path) as tar:
        return {item.name: tar.extractfile(item).read() for item in tar.getmembers()}  # type: ignore[union-attr]


def rewritten(path: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The bundle with other members and a SHA256SUMS that agrees with them: what an enemy would make of it."""
    found = parts(path)
    del found["SHA256SUMS"]
    change(found)
    sums = b"".join(hashlib.sha256(data).hexdigest().encode() + f"  {name}\n".encode() for name, data in found.items())
    found["SHA256SUMS"] = sums
    target.write_bytes(b"".join(tar_entry(name.encode(), data) for name, data in found.items()) + END)
    return target


def payload_of(found: dict[str, bytes]) -> str:
    return "payload.tar.age" if "payload.tar.age" in found else "payload.tar"


@needs_ssh_keygen
def test_ssh_keygen_tells_who_made_it_without_our_tools_and_without_a_key(signed: Path, tmp_path: Path) -> None:
    found = parts(signed)
    payload = payload_of(found)
    (tmp_path / "sig").write_bytes(found[f"{payload}.sig"])
    (tmp_path / "allowed").write_text(f'anna@example.org namespaces="{NAMESPACE}" {ANNA.public.line}')
    call = [
        "-Y",
        "verify",
        "-f",
        tmp_path / "allowed",
        "-I",
        "anna@example.org",
        "-n",
        NAMESPACE,
        "-s",
        tmp_path / "sig",
    ]
    assert ssh_keygen(*call, stdin=found[payload]).returncode == 0
    assert ssh_keygen(*call, stdin=found[payload][:-1]).returncode != 0


@needs_ssh_keygen
def test_the_lines_of_spec_verify_it(members: dict[str, Path], tmp_path: Path) -> None:
    spec = (Path(stand_alone().__file__ or "").parent / "SPEC.md").read_text(encoding="utf-8")
    lines = re.findall(r"```text\n(.*?)```", spec.split("## 10.")[1], re.DOTALL)[0]
    pack(tmp_path / "x.voice", members, recipients=[IDENTITY.recipient], act=ACT, redundancy=0)
    with tarfile.open(tmp_path / "x.voice") as tar:
        for name in ("payload.tar.age", "payload.tar.age.sig"):
            (tmp_path / name).write_bytes(tar.extractfile(name).read())  # type: ignore[union-attr]
    for signer, good in ((ANNA, True), (MALLORY, False)):
        (tmp_path / "maker.pub").write_text(signer.public_file())
        done = subprocess.run(["sh", "-eu", "-c", lines], cwd=tmp_path, capture_output=True, timeout=60, check=False)
        assert (done.returncode == 0) == good, done.stderr


@needs_ssh_keygen
def test_a_signature_that_ssh_keygen_made_is_as_good(signed: Path, tmp_path: Path) -> None:
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_text(MALLORY.secret_file(bytes))

    def sign_again(found: dict[str, bytes]) -> None:
        payload = payload_of(found)
        made = ssh_keygen("-Y", "sign", "-f", tmp_path / "key", "-n", NAMESPACE, stdin=found[payload])
        found[f"{payload}.sig"] = made.stdout

    with look(rewritten(signed, tmp_path / "x", sign_again)) as outside:
        first, second = outside.require_trusted([TrustedKey(MALLORY.public, "mallory")], NOW)
    assert (first.trusted, first.fingerprint) == ("mallory", MALLORY.public.fingerprint)
    assert (second.trusted, second.fingerprint) == (None, ANNA.ml_dsa_fingerprint)


def test_whom_you_trust_is_trusted_and_nobody_else(signed: Path) -> None:
    identities = [IDENTITY]
    for keys in (TRUSTED, ED25519_ALONE):
        with open_bundle(signed, identities, trusted=keys, now=NOW) as bundle:
            ssh, ml_dsa = bundle.signatures(keys, NOW)
            assert (ssh.kind, ssh.fingerprint, ssh.valid) == ("ssh-ed25519", ANNA.public.fingerprint, True)
            assert (ml_dsa.kind, ml_dsa.fingerprint, ml_dsa.valid) == ("ml-dsa-65", ANNA.ml_dsa_fingerprint, True)
            assert bundle.verify() == bundle.outside.custody()[-1].bundle_id
    for keys in ((), (TrustedKey(MALLORY.public, "mallory"),), (replace(TRUSTED[0], namespaces="git"),)):
        with pytest.raises(SignatureError, match=ANNA.public.fingerprint.replace("+", r"\+")):
            open_bundle(signed, identities, trusted=keys, now=NOW)
    with open_bundle(signed, identities) as bundle:
        assert bundle.read("voice.json")


def test_who_trusts_both_keys_asks_for_both_signatures(signed: Path, tmp_path: Path) -> None:
    def drop(found: dict[str, bytes]) -> None:
        del found[f"{payload_of(found)}.mldsa.sig"]

    def replace_it(found: dict[str, bytes]) -> None:
        payload = payload_of(found)
        found[f"{payload}.mldsa.sig"] = MALLORY.sign_ml_dsa(hashlib.sha512(found[payload]).digest(), payload)

    for change in (drop, replace_it):
        with look(rewritten(signed, tmp_path / "x", change)) as outside:
            with pytest.raises(SignatureError, match="ML-DSA"):
                outside.require_trusted(TRUSTED, NOW)
            assert is_trusted(outside.require_trusted(ED25519_ALONE, NOW))


def forge_payload(found: dict[str, bytes]) -> None:
    found[payload_of(found)] += b""
    name = payload_of(found)
    found[name] = found[name][:-1] + bytes([found[name][-1] ^ 1])


def forge_ssh(found: dict[str, bytes]) -> None:
    found[f"{payload_of(found)}.sig"] = ANNA.sign(hashlib.sha512(b"another file").digest())


def forge_purpose(found: dict[str, bytes]) -> None:
    name = payload_of(found)
    found[f"{name}.sig"] = ANNA.sign(hashlib.sha512(found[name]).digest(), "git")


def forge_ml_dsa(found: dict[str, bytes]) -> None:
    name = payload_of(found)
    found[f"{name}.mldsa.sig"] = ANNA.sign_ml_dsa(hashlib.sha512(b"another file").digest(), name)


def spoil_ssh(found: dict[str, bytes]) -> None:
    found[f"{payload_of(found)}.sig"] = b"not a signature"


def spoil_ml_dsa(found: dict[str, bytes]) -> None:
    found[f"{payload_of(found)}.mldsa.sig"] = found[f"{payload_of(found)}.sig"]


@pytest.mark.parametrize("forge", [forge_payload, forge_ssh, forge_purpose, forge_ml_dsa, spoil_ssh, spoil_ml_dsa])
def test_an_enemy_who_can_write_the_whole_file_is_found_out(
    forge: Callable[[dict[str, bytes]], None], signed: Path, tmp_path: Path
) -> None:
    forged = rewritten(signed, tmp_path / "x", forge)
    for keys in (TRUSTED, ED25519_ALONE):
        with pytest.raises(SignatureError), look(forged) as outside:
            outside.require_trusted(keys, NOW)
    with look(forged) as outside:
        assert any(signature.valid is False for signature in outside.signatures((), NOW))


def test_an_unsigned_bundle_is_trusted_by_nobody(members: dict[str, Path], tmp_path: Path) -> None:
    pack(tmp_path / "x", members, public=True, redundancy=0)
    with pytest.raises(SignatureError, match="not signed"):
        open_bundle(tmp_path / "x", trusted=TRUSTED, now=NOW)


def test_trust_without_a_time_makes_no_sense(signed: Path) -> None:
    with pytest.raises(TypeError):
        open_bundle(signed, [IDENTITY], trusted=TRUSTED)


def test_a_signature_of_a_kind_from_the_future_is_passed_over_and_said(signed: Path, tmp_path: Path) -> None:
    def add(found: dict[str, bytes]) -> None:
        name = payload_of(found)
        last = found.pop(f"{name}.sig")
        found[f"{name}.quantum-9.sig"] = b"\x00\x01"
        found[f"{name}.sig"] = last

    path = rewritten(signed, tmp_path / "x", add)
    assert check(path).whole
    with look(path) as outside:
        found = outside.require_trusted(TRUSTED, NOW)
    assert [(one.kind, one.valid) for one in found][-1] == ("quantum-9", None)
    opened = stand_alone()
    keys = [opened.parse_identity(IDENTITY.secret_text())]
    opened.open_bundle(path, tmp_path / "out", keys)
    assert (tmp_path / "out" / "voice.json").exists()


@pytest.mark.parametrize("name", ["custody.json", "payload.tar.x.y.sig", "z.sig", "manifest.dsse.json.exe", "a.par2"])
def test_other_members_have_no_place_there(name: str, signed: Path, tmp_path: Path) -> None:
    path = rewritten(signed, tmp_path / "x", lambda found: found.update({name: b"x"}))
    with pytest.raises(FormatError):
        open_bundle(path, [IDENTITY])
    assert not check(path).whole
    with pytest.raises(ValueError, match="stands before"):
        stand_alone().open_bundle(path, tmp_path / "out", [stand_alone().parse_identity(IDENTITY.secret_text())])


def test_nor_have_they_in_another_order_or_twice(signed: Path, tmp_path: Path) -> None:
    def swap(found: dict[str, bytes]) -> None:
        found["custody.jsonl"] = found.pop("custody.jsonl")  # to the end

    path = rewritten(signed, tmp_path / "x", swap)
    with pytest.raises(FormatError):
        open_bundle(path, [IDENTITY])
    with pytest.raises(ValueError, match="stands before"):
        stand_alone().open_bundle(path, tmp_path / "out", [stand_alone().parse_identity(IDENTITY.secret_text())])
    assert not check(path).whole


def test_damage_to_each_optional_member_is_named(signed: Path, tmp_path: Path) -> None:
    with tarfile.open(signed) as tar:
        places = {item.name: item.offset_data for item in tar.getmembers()}
    data = signed.read_bytes()
    for name in list(places)[4:]:
        changed = bytearray(data)
        changed[places[name] + 3] ^= 1
        (tmp_path / "x").write_bytes(changed)
        assert name in {item.entry for item in check(tmp_path / "x").damage}, name
        with pytest.raises(DamagedError):
            open_bundle(tmp_path / "x", [IDENTITY])


def test_the_stand_alone_reader_opens_a_signed_bundle(signed: Path, tmp_path: Path) -> None:
    opened = stand_alone()
    opened.open_bundle(signed, tmp_path / "out", [opened.parse_identity(IDENTITY.secret_text())])
    with open_bundle(signed, [IDENTITY]) as bundle:
        bundle.extract(tmp_path / "ours")
    assert (tmp_path / "out" / "manifest.json").read_bytes() == (tmp_path / "ours" / "manifest.json").read_bytes()


def test_signing_changes_neither_the_payload_nor_its_digest(members: dict[str, Path], tmp_path: Path) -> None:
    plain = pack(tmp_path / "a", members, public=True, redundancy=0)
    one = pack(tmp_path / "b", members, public=True, redundancy=0, act=ACT)
    other = pack(tmp_path / "c", members, public=True, redundancy=0, act=Act(MALLORY, NOW))
    assert plain.bundle_id == one.bundle_id == other.bundle_id
    assert parts(tmp_path / "a")["payload.tar"] == parts(tmp_path / "b")["payload.tar"]


@pytest.mark.parametrize("kind", ["x25519", "scrypt", "public"])
def test_bundles_from_before_there_were_signatures_open_for_ever(kind: str, tmp_path: Path) -> None:
    """Written on 2026-11-21 by the toolkit as it was then; never to be regenerated."""
    path = BEFORE / f"{kind}.voice"
    assert check(path).whole
    with open_bundle(path, [IDENTITY, ScryptIdentity(PASSPHRASE)]) as bundle:
        assert bundle.extract(tmp_path / "out") == "deaa7e6411af8117ba3cc6a16c7ee39dce3ae5a89e9c008dbe0bd8b8e6f9e6cc"
        assert bundle.signatures(TRUSTED, NOW) == ()
        assert bundle.outside.custody() == ()
        assert bundle.attestation() is None
    assert (tmp_path / "out" / "voice.json").read_bytes() == b'{"name":"anna"}'


def test_trust_is_in_the_ed25519_key_alone() -> None:
    right = Signature("ml-dsa-65", "SHA256:x", True, "anna")
    assert not is_trusted([right])
    assert is_trusted([Signature("ssh-ed25519", "SHA256:y", True, ""), right])
    assert not is_trusted([Signature("ssh-ed25519", "SHA256:y", True, "anna"), replace(right, valid=False)])


# ---- writing a bundle anew


@pytest.mark.parametrize("public", [True, False])
def test_a_resealed_bundle_has_the_same_payload_and_one_more_record(public: bool, signed: Path, tmp_path: Path) -> None:
    later = Act(MALLORY, NOW.replace(year=2060), "lifecycle 9.9.9")
    before = signed.read_bytes()
    with open_bundle(signed, [IDENTITY]) as bundle:
        old = bundle.outside.custody()[-1]
        recipients = [] if public else [STRANGER.recipient]
        packed = bundle.reseal(tmp_path / "new", later, recipients=recipients, public=public, redundancy=0)
    assert signed.read_bytes() == before
    assert check(tmp_path / "new").whole
    trusted = parse_trusted(MALLORY.public_file())
    with open_bundle(tmp_path / "new", [STRANGER], trusted=trusted, now=NOW) as bundle:
        assert bundle.verify() == packed.bundle_id == old.bundle_id
        first, second = bundle.outside.custody()
        assert bundle.attestation() is not None
    assert first == old
    assert (second.what, second.when, second.who) == ("refreshed", "2060-11-21T12:30:05Z", MALLORY.name)
    assert second.origin is not None
    assert second.origin.payload == old.payload
    assert second.origin.file == hashlib.sha256(before).hexdigest()
    assert second.payload == hashlib.sha256(parts(tmp_path / "new")[payload_of(parts(tmp_path / "new"))]).hexdigest()


@pytest.mark.parametrize("kind", ["x25519", "public"])
def test_an_old_unsigned_bundle_is_resealed_too(kind: str, tmp_path: Path) -> None:
    with open_bundle(BEFORE / f"{kind}.voice", [IDENTITY]) as bundle:
        bundle.reseal(tmp_path / "new", ACT, recipients=[STRANGER.recipient], redundancy=0)
    with open_bundle(tmp_path / "new", [STRANGER], trusted=TRUSTED, now=NOW) as bundle:
        (record,) = bundle.outside.custody()
    assert record.what == "refreshed"
    assert record.origin is not None
    assert record.origin.file == hashlib.sha256((BEFORE / f"{kind}.voice").read_bytes()).hexdigest()


def test_a_damaged_payload_is_not_resealed(signed: Path, tmp_path: Path) -> None:
    data = bytearray(signed.read_bytes())
    with tarfile.open(signed) as tar:
        item = next(item for item in tar.getmembers() if item.name.startswith("payload.tar"))
    data[item.offset_data + item.size - 3000] ^= 1
    (tmp_path / "old").write_bytes(data)
    with pytest.raises(ArchiveError), open_bundle(tmp_path / "old", [IDENTITY]) as bundle:
        bundle.reseal(tmp_path / "new", ACT, public=True, redundancy=0)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_bundle_without_its_chain_is_not_resealed(signed: Path, tmp_path: Path) -> None:
    path = rewritten(signed, tmp_path / "old", lambda found: found.pop("custody.jsonl") and None)
    with pytest.raises(CustodyError, match="took it away"), open_bundle(path, [IDENTITY]) as bundle:
        bundle.reseal(tmp_path / "new", ACT, public=True, redundancy=0)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_openssl_agrees_about_the_p256_signature(signed: Path, tmp_path: Path) -> None:
    import base64
    import json

    with open_bundle(signed, [IDENTITY]) as bundle:
        document = json.loads(bundle.attestation_bytes())
        attested = bundle.attestation()
        assert attested is not None
        (tmp_path / "key.pem").write_bytes(attested.public_pem)
    envelope = document["dsseEnvelope"]
    statement, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"]
    (tmp_path / "data").write_bytes(f"DSSEv1 {len(kind)} {kind} {len(statement)} ".encode() + statement)
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    call = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "data"]
    assert subprocess.run(call, cwd=tmp_path, capture_output=True, check=False).stdout == b"Verified OK\n"

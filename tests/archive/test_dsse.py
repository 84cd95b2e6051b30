"""manifest.dsse.json: OpenSSF's own tool verifies it, and we notice what it notices.

The tool runs from a venv of its own, built from the package index: nothing of it is needed by the product, and its
dependencies are many. LIFECYCLE_MODEL_SIGNING names a venv that has it; else one is built in work/, once.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archive import dsse
from archive.bundle import open_bundle, pack
from archive.errors import SignatureError
from archive.manifest import Manifest
from tests.archive.crafting import IDENTITY, write_members
from tests.archive.signers import ACT, ANNA, MALLORY

# sigstore 4 dropped a package that model-signing 1.0.1 imports without asking for it; neither asks for pyOpenSSL
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("model-signing==1.0.1", "sigstore<4", "pyOpenSSL")


@pytest.fixture(scope="session")
def tool() -> Path:
    """The program `model_signing`; the test is skipped where it cannot be had."""
    named = os.environ.get("LIFECYCLE_MODEL_SIGNING")
    venv = Path(named) if named else ROOT / "work" / "model-signing"
    program = venv / "bin" / "model_signing"
    if not (venv / "built").exists() and not named:
        steps = [[sys.executable, "-m", "venv", str(venv)]]
        quiet = ["--quiet", "--disable-pip-version-check"]
        steps.append([str(venv / "bin" / "python"), "-m", "pip", "install", *quiet, *PACKAGES])
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, timeout=250, check=False)
            if done.returncode:
                pytest.skip(f"model-signing cannot be installed here: {done.stderr.strip().rpartition(chr(10))[2]}")
        (venv / "built").touch()
    if not program.exists():
        pytest.skip(f"{program} is not there")
    return program


def run(tool: Path, voice: Path, attestation: Path, key: Path) -> str:
    call = [str(tool), "verify", "key", str(voice), "--signature", str(attestation), "--public_key", str(key)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode == 0) == ("Verification succeeded" in done.stdout + done.stderr)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the extracted `voice`, manifest.dsse.json inside, and `key.pem`."""
    place = tmp_path_factory.mktemp("attested")
    members = write_members(place / "source")
    pack(
        place / "x.voice",
        {**members, "weights/a-b.bin": members["voice.json"], "weights/a/b": members["voice.json"]},
        description={"voice": "anna"},
        recipients=[IDENTITY.recipient],
        act=ACT,
        redundancy=0,
    )
    with open_bundle(place / "x.voice", [IDENTITY]) as bundle:
        bundle.extract(place / "voice")
        (place / "voice" / "manifest.dsse.json").write_bytes(bundle.attestation_bytes())
    (place / "key.pem").write_bytes(dsse.public_pem(ANNA.p256.public_key()))
    (place / "other.pem").write_bytes(dsse.public_pem(MALLORY.p256.public_key()))
    return place


@pytest.mark.slow
@pytest.mark.sockets("network")
def test_the_real_tool_verifies_it_and_notices_every_change(tool: Path, extracted: Path) -> None:
    voice = extracted / "voice"
    attestation, key = voice / "manifest.dsse.json", extracted / "key.pem"
    assert "succeeded" in run(tool, voice, attestation, key)
    assert "succeeded" not in run(tool, voice, attestation, extracted / "other.pem")
    member = voice / "voice.json"
    whole = member.read_bytes()
    for change in (lambda: member.write_bytes(b"{}"), member.unlink, (voice / "more").touch):
        change()
        assert "succeeded" not in run(tool, voice, attestation, key)
        member.write_bytes(whole)
    (voice / "more").unlink()
    assert "succeeded" in run(tool, voice, attestation, key)


@pytest.mark.slow
@pytest.mark.sockets("network")
def test_it_is_what_the_real_tool_would_write(tool: Path, extracted: Path, tmp_path: Path) -> None:
    """Field by field; its own signatures are random, so those are compared by verifying."""
    script = (
        "import pathlib, sys\n"
        "from model_signing import hashing\n"
        "from model_signing._signing import sign_ec_key, signing\n"
        "voice, key, out = map(pathlib.Path, sys.argv[1:])\n"
        "config = hashing.Config().set_ignored_paths(paths=[voice / 'manifest.dsse.json'])\n"
        "sign_ec_key.Signer(key).sign(signing.Payload(config.hash(voice))).write(out)\n"
    )
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    secret = ANNA.p256.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "secret.pem").write_bytes(secret)
    call = [str(tool.parent / "python"), "-c", script, extracted / "voice", tmp_path / "secret.pem", tmp_path / "out"]
    subprocess.run(list(map(str, call)), capture_output=True, timeout=60, check=True)
    ours = json.loads((extracted / "voice" / "manifest.dsse.json").read_bytes())
    theirs = json.loads((tmp_path / "out").read_bytes())
    for document in (ours, theirs):
        del document["dsseEnvelope"]["signatures"][0]["sig"]
        statement = json.loads(base64.b64decode(document["dsseEnvelope"].pop("payload")))
        statement["subject"][0]["name"] = "any"
        document["statement"] = statement
    assert ours == theirs


@pytest.fixture
def described(extracted: Path) -> Manifest:
    return Manifest.parse((extracted / "voice" / "manifest.json").read_bytes())


def test_it_fits_its_payload_and_names_its_key(described: Manifest) -> None:
    found = dsse.verify(dsse.sign(ANNA.p256, described, "anna"), described)
    assert found.fingerprint == dsse.key_fingerprint(ANNA.p256.public_key())
    assert set(found.sha256) == {"manifest.json", *(entry.path for entry in described.members)}
    assert dsse.sign(ANNA.p256, described, "anna") == dsse.sign(ANNA.p256, described, "anna")


def other_key(document: dict[str, object]) -> None:
    pem = base64.b64encode(dsse.public_pem(MALLORY.p256.public_key())).decode()
    document["verificationMaterial"]["publicKey"]["rawBytes"] = pem  # type: ignore[index]


def other_statement(document: dict[str, object]) -> None:
    envelope = document["dsseEnvelope"]
    assert isinstance(envelope, dict)
    statement = base64.b64decode(envelope["payload"]).replace(b"voice.json", b"voice.jsom")
    envelope["payload"] = base64.b64encode(statement).decode()


@pytest.mark.parametrize(
    "change",
    [
        other_key,
        other_statement,
        lambda document: document.update(mediaType="text/plain"),
        lambda document: document.pop("dsseEnvelope"),
        lambda document: document.update(verificationMaterial=[]),
        lambda document: document["dsseEnvelope"].update(payloadType="text/plain"),
        lambda document: document["dsseEnvelope"].update(signatures=[]),
        lambda document: document["dsseEnvelope"]["signatures"][0].update(sig="AAAA"),
        lambda document: document["dsseEnvelope"]["signatures"][0].update(sig=7),
    ],
)
def test_a_changed_one_is_refused(change: Callable[[dict[str, object]], None], described: Manifest) -> None:
    document = json.loads(dsse.sign(ANNA.p256, described, "anna"))
    change(document)
    with pytest.raises(SignatureError):
        dsse.verify(json.dumps(document).encode(), described)


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_none_is_refused(data: bytes, described: Manifest) -> None:
    with pytest.raises(SignatureError):
        dsse.verify(data, described)


def test_one_of_another_payload_is_refused(described: Manifest) -> None:
    other = Manifest(described.members[:-1], described.description)
    with pytest.raises(SignatureError, match="another payload"):
        dsse.verify(dsse.sign(ANNA.p256, other, "anna"), described)

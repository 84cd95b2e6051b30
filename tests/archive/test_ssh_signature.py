"""SSHSIG: ssh-keygen accepts ours, we accept ssh-keygen's, and nobody accepts a changed one."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from archive import ssh_signature
from archive.errors import KeyFormatError
from archive.signing import NAMESPACE
from tests.archive.signers import ANNA, MALLORY, needs_ssh_keygen, ssh_keygen, write_key

DATA = b"the payload" * 1000
SHA512 = hashlib.sha512(DATA).digest()


@needs_ssh_keygen
def test_ssh_keygen_verifies_ours(tmp_path: Path) -> None:
    (tmp_path / "sig").write_bytes(ANNA.sign(SHA512))
    (tmp_path / "allowed").write_text(f'anna namespaces="{NAMESPACE}" {ANNA.public.line}')
    call = ["-Y", "verify", "-f", tmp_path / "allowed", "-n", NAMESPACE, "-s", tmp_path / "sig"]
    good = ssh_keygen(*call, "-I", "anna", stdin=DATA)
    assert good.returncode == 0, good.stderr
    assert good.stdout.decode().strip().endswith(f"for anna with ED25519 key {ANNA.public.fingerprint}")
    assert ssh_keygen(*call, "-I", "anna", stdin=DATA + b"!").returncode != 0
    assert ssh_keygen(*call, "-I", "mallory", stdin=DATA).returncode != 0
    (tmp_path / "allowed").write_text(f"anna {MALLORY.public.line}")
    assert ssh_keygen(*call, "-I", "anna", stdin=DATA).returncode != 0


@needs_ssh_keygen
def test_we_verify_what_ssh_keygen_signs_and_write_it_the_same(tmp_path: Path) -> None:
    key = write_key(tmp_path / "key", ANNA)
    made = ssh_keygen("-Y", "sign", "-f", key, "-n", NAMESPACE, stdin=DATA).stdout
    read = ssh_signature.parse(made.decode())
    assert read.verifies(SHA512)
    assert (read.key.raw, read.namespace) == (ANNA.public.raw, NAMESPACE)
    assert ANNA.sign(SHA512) == made  # Ed25519 is deterministic: to the byte
    other_hash = ssh_keygen("-Y", "sign", "-f", key, "-n", NAMESPACE, "-O", "hashalg=sha256", stdin=DATA).stdout
    with pytest.raises(KeyFormatError, match="another hash"):
        ssh_signature.parse(other_hash.decode())


def test_another_file_and_another_purpose_do_not_verify() -> None:
    read = ssh_signature.parse(ANNA.sign(SHA512, "git").decode())
    assert read.namespace == "git"
    assert read.verifies(SHA512)
    assert not read.verifies(hashlib.sha512(b"").digest())


def test_every_changed_byte_is_noticed() -> None:
    lines = ANNA.sign(SHA512).decode().splitlines()
    blob = base64.b64decode("".join(lines[1:-1]))
    for place in range(len(blob)):
        changed = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
        text = "\n".join([lines[0], base64.b64encode(changed).decode(), lines[-1]])
        try:
            read = ssh_signature.parse(text)
        except KeyFormatError:
            continue
        assert not read.verifies(SHA512), place


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n"])
def test_what_is_no_signature_is_refused(text: str) -> None:
    with pytest.raises(KeyFormatError):
        ssh_signature.parse(text)


def test_cut_and_lengthened_ones_are_refused() -> None:
    lines = ANNA.sign(SHA512).decode().splitlines()
    blob = base64.b64decode("".join(lines[1:-1]))
    for changed in (blob + b"\0", *(blob[:size] for size in range(0, len(blob), 5))):
        with pytest.raises(KeyFormatError):
            ssh_signature.parse("\n".join([lines[0], base64.b64encode(changed).decode(), lines[-1]]))

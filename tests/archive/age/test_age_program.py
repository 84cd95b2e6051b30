"""Debian's `age`: what it writes we read, and what we write it reads, with keys and with passphrases."""

from __future__ import annotations

import io
import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from archive.age import envelope, keys
from archive.age.envelope import Identity
from archive.age.scrypt import ScryptIdentity, ScryptRecipient
from archive.container import Region
from tests.archive.crafting import IDENTITY, PASSPHRASE, STRANGER, WORK_FACTOR, drip, encrypt

pytestmark = pytest.mark.skipif(
    shutil.which("age") is None or shutil.which("age-keygen") is None, reason="needs age (Debian: apt install age)"
)
SIZES = (0, 1, 65535, 65536, 65537, 131072, 1_200_000)


def decrypt(data: bytes, identities: list[Identity]) -> bytes:
    reader = envelope.decrypt_in_order(Region(io.BytesIO(data), 0, len(data), "x"), identities)
    return b"".join(bytes(piece) for piece in reader.everything())


def age(*call: str, data: bytes) -> bytes:
    return subprocess.run(["age", *call], input=data, capture_output=True, timeout=60, check=True).stdout


def age_at_terminal(*call: str, answers: list[str]) -> None:
    """Run age with a terminal of its own, since it takes passphrases from nowhere else."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp("age", ["age", *call])
    heard = b""
    pending = list(answers)
    while True:
        try:
            heard += os.read(terminal, 1024)
        except OSError:  # the terminal's other end is closed
            break
        if pending and heard.count(b"passphrase") > len(answers) - len(pending):
            os.write(terminal, pending.pop(0).encode() + b"\n")
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert status == 0, heard


@pytest.mark.parametrize("size", SIZES)
def test_each_reads_what_the_other_wrote(size: int, tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text(keys.identity_file(IDENTITY, created="now"))
    plaintext = drip("age")(size)
    assert age("-d", "-i", str(tmp_path / "key.txt"), data=encrypt(plaintext)) == plaintext
    theirs = age("-r", str(STRANGER.recipient), "-r", str(IDENTITY.recipient), data=plaintext)
    assert decrypt(theirs, [IDENTITY]) == plaintext


def test_a_key_of_age_keygen_is_ours_and_ours_is_one_of_age_keygen(tmp_path: Path) -> None:
    text = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
    (identity,) = keys.parse_identities(text)
    assert f"# public key: {identity.recipient}" in text
    (tmp_path / "ours.txt").write_text(keys.identity_file(IDENTITY, created="now"))
    call = ["age-keygen", "-y", str(tmp_path / "ours.txt")]
    told = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    assert keys.parse_recipients(told) == (IDENTITY.recipient,)


def test_passphrases_both_ways(tmp_path: Path) -> None:
    """What age writes takes 256 MiB for a moment: its work factor is 18."""
    (tmp_path / "ours.age").write_bytes(encrypt(b"ours", [ScryptRecipient(PASSPHRASE, WORK_FACTOR)]))
    age_at_terminal("-d", "-o", str(tmp_path / "ours"), str(tmp_path / "ours.age"), answers=[PASSPHRASE])
    assert (tmp_path / "ours").read_bytes() == b"ours"
    (tmp_path / "theirs").write_bytes(b"theirs")
    call = ("-p", "-o", str(tmp_path / "theirs.age"), str(tmp_path / "theirs"))
    age_at_terminal(*call, answers=[PASSPHRASE, PASSPHRASE])
    assert decrypt((tmp_path / "theirs.age").read_bytes(), [ScryptIdentity(PASSPHRASE)]) == b"theirs"

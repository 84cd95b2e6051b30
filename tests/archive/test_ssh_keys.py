"""Keys in OpenSSH's files: what ssh-keygen reads and writes is what we read and write."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.dsse import key_fingerprint
from archive.errors import KeyFormatError
from archive.signing import NAMESPACE, Signer
from archive.ssh_keys import parse_secret_file, parse_trusted
from tests.archive.crafting import drip
from tests.archive.signers import ANNA, MALLORY, NOW, needs_ssh_keygen, ssh_keygen, write_key

LINE = ANNA.public.line.strip()
KEY = " ".join(LINE.split()[:2])


@needs_ssh_keygen
def test_ssh_keygen_reads_our_key_and_shows_our_fingerprint(tmp_path: Path) -> None:
    path = write_key(tmp_path / "key", ANNA)
    shown = f"256 {ANNA.public.fingerprint} anna@example.org (ED25519)\n".encode()
    assert ssh_keygen("-l", "-f", path).stdout == shown
    assert ssh_keygen("-l", "-f", tmp_path / "key.pub").stdout == shown
    assert ssh_keygen("-y", "-f", path).stdout.decode().strip() == LINE


@needs_ssh_keygen
@pytest.mark.parametrize("comment", ["", "anna", "Anna Åse <anna@example.org>", "x" * 200])
def test_we_read_the_keys_that_ssh_keygen_makes(comment: str, tmp_path: Path) -> None:
    ssh_keygen("-t", "ed25519", "-N", "", "-q", "-C", comment, "-f", tmp_path / "key")
    signer = Signer.parse((tmp_path / "key").read_text())
    assert signer.name == comment
    (trusted,) = parse_trusted((tmp_path / "key.pub").read_text())
    assert trusted.key == signer.public
    assert ssh_keygen("-l", "-f", tmp_path / "key").stdout.decode().split()[1] == signer.public.fingerprint


@needs_ssh_keygen
@pytest.mark.parametrize("more", [["-t", "ecdsa"], ["-t", "ed25519", "-N", "passphrase"]])
def test_other_keys_and_locked_ones_are_refused(more: list[str], tmp_path: Path) -> None:
    words = more if "-N" in more else [*more, "-N", ""]
    ssh_keygen(*words, "-q", "-f", tmp_path / "key")
    with pytest.raises(KeyFormatError, match="passphrase" if "-N" in more else "Ed25519"):
        Signer.parse((tmp_path / "key").read_text())


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 40])
def test_a_key_comes_back_whatever_its_name(size: int) -> None:
    signer = Signer.generate(os.urandom, "å" * size)
    assert Signer.parse(signer.secret_file(os.urandom)) == signer


def test_a_damaged_key_is_refused_and_never_shown() -> None:
    text = ANNA.secret_file(drip("check numbers"))
    lines = text.splitlines()
    for damaged in ("", "x", lines[0], text.replace("OPENSSH", "RSA"), "\n".join(lines[:-2] + lines[-1:])):
        with pytest.raises(KeyFormatError):
            parse_secret_file(damaged)
    for place in range(len(lines[0]) + 1, len(text) - len(lines[-1]) - 2, 7):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        try:
            seed, _ = parse_secret_file(changed)
        except KeyFormatError as error:
            assert lines[3] not in str(error)
        else:  # only its comment may differ: nothing checks that
            assert seed == ANNA.seed


def test_one_seed_gives_the_same_keys_for_ever() -> None:
    """These stand in files that are signed with them; another derivation would be another maker."""
    signer = Signer(bytes(range(32)), "any name")
    p256 = key_fingerprint(signer.p256.public_key())
    assert (signer.public.fingerprint, p256, signer.ml_dsa_fingerprint) == (
        "SHA256:lbmsoA0yIEcEiVDRnMWuzm+nV+3ZEEpVIURqFoeSspg",
        "SHA256:gB2M/Rkis0St1WNqUetID6ByNRDOrYfGxgHYNms69bI",
        "SHA256:Jhwd3hDdCRmHtkRbW6kbc+fS5tdXTcYNnZ9fDkUif/k",
    )


@pytest.mark.parametrize(
    ("line", "principals", "namespace", "allowed"),
    [
        (LINE, "anna@example.org", NAMESPACE, True),
        (f"anna {KEY}", "anna", NAMESPACE, True),
        (f'anna,ada namespaces="{NAMESPACE}" {KEY} a comment', "anna,ada", NAMESPACE, True),
        (f'anna namespaces="git" {KEY}', "anna", NAMESPACE, False),
        (f'anna namespaces="git,lifecycle-*" {KEY}', "anna", NAMESPACE, True),
        (f'anna namespaces="*,!lifecycle-*" {KEY}', "anna", NAMESPACE, False),
        (f'anna valid-after="20450101",valid-before="20460101Z" {KEY}', "anna", NAMESPACE, True),
        (f'anna valid-before="20450101" {KEY}', "anna", NAMESPACE, False),
        (f'anna valid-after="204601011200" {KEY}', "anna", NAMESPACE, False),
    ],
)
def test_a_line_of_a_list_trusts_whom_it_says_for_what_it_says(
    line: str, principals: str, namespace: str, allowed: bool
) -> None:
    (trusted,) = parse_trusted(f"# whom I know\n\n{line}\n")
    assert (trusted.key.raw, trusted.principals) == (ANNA.public.raw, principals)
    assert trusted.allows(namespace, NOW) == allowed


def test_a_list_has_many_lines_and_passes_over_other_keys() -> None:
    other = "carol ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDx"
    authority = f"ca cert-authority {KEY}"
    keys = parse_trusted("\n".join([ANNA.public.line, other, authority, MALLORY.public_file()]))
    assert [key.key.fingerprint for key in keys] == [ANNA.public.fingerprint, MALLORY.public.fingerprint]
    assert [key.ml_dsa for key in keys] == ["", MALLORY.ml_dsa_fingerprint]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no ssh-ed25519 key"),
        ("# nothing\n", "no ssh-ed25519 key"),
        ("Dear diary", "line 1"),
        ("anna ssh-rsa AAAA", "no ssh-ed25519 key"),
        ("ssh-ed25519", "line 1"),
        ("ssh-ed25519 ???", "base64"),
        ("ssh-ed25519 AAAA", "line 1"),
        (f"anna sudo {KEY}", "option"),
        (f'anna valid-before="tomorrow" {KEY}', "time"),
        (f'anna valid-before="20451399" {KEY}', "clock"),
    ],
)
def test_a_list_that_cannot_be_read_trusts_nobody(text: str, told: str) -> None:
    with pytest.raises(KeyFormatError, match=told):
        parse_trusted(text)


def test_times_without_a_zone_are_local() -> None:
    (key,) = parse_trusted(f'anna valid-after="20450101120000",valid-before="20450101120000Z" {KEY}')
    assert key.valid_after == datetime(2045, 1, 1, 12).astimezone()
    assert key.valid_before == datetime(2045, 1, 1, 12, tzinfo=UTC)

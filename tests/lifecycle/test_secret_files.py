"""Keys and passphrases come from files, and what is refused never shows what is in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archive.age.hybrid import HybridIdentity
from archive.age.keys import identity_file
from archive.age.x25519 import X25519Identity
from archive.errors import KeyFormatError, MixedRecipientsError
from lifecycle.cli.refusals import refusal_of
from lifecycle.errors import RecipientError, SecretError
from lifecycle.secret_files import read_identities, read_passphrase, read_recipients


@pytest.mark.parametrize(
    "text", ["correct horse", "correct horse\n", "correct horse\r\n", "correct horse\n\n", "\ufeffcorrect horse\n"]
)
def test_a_passphrase_is_the_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(text.encode())
    assert read_passphrase(path) == "correct horse"


@pytest.mark.parametrize("data", [b"", b"\n", b"one\ntwo\n", b"\xff\xfe", b"x" * 70_000])
def test_what_is_no_passphrase_is_refused_without_showing_it(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(data)
    with pytest.raises(SecretError) as refused:
        read_passphrase(path)
    assert refused.value.path == path
    assert "two" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_identities_of_several_files_and_a_passphrase(tmp_path: Path) -> None:
    keys = [X25519Identity.generate(os.urandom) for _ in range(2)]
    for number, key in enumerate(keys):
        (tmp_path / str(number)).write_text(identity_file(key, created="now"))
    (tmp_path / "passphrase").write_text("correct horse")
    identities = read_identities([tmp_path / "0", tmp_path / "1"], tmp_path / "passphrase")
    assert len(identities) == 3


def test_a_file_that_holds_no_identity_is_named_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2\n")
    with pytest.raises(SecretError) as refused:
        read_identities([tmp_path / "key"], None)
    assert "hunter2" not in str(refused.value)


def test_recipients_are_texts_or_files_of_them(tmp_path: Path) -> None:
    one, two = (str(X25519Identity.generate(os.urandom).recipient) for _ in range(2))
    (tmp_path / "them").write_text(f"# mine and theirs\n{one}\n{two}\n")
    assert [str(recipient) for recipient in read_recipients([one], None)] == [one]
    assert [str(recipient) for recipient in read_recipients([str(tmp_path / "them")], None)] == [one, two]


def test_a_secret_key_is_no_recipient_and_the_reason_says_so(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(identity_file(X25519Identity.generate(os.urandom), created="now"))
    with pytest.raises(SecretError, match="public half"):
        read_recipients([str(tmp_path / "key")], None)


def test_a_recipient_with_a_slip_of_the_pen_is_refused() -> None:
    recipient = str(X25519Identity.generate(os.urandom).recipient)
    slip = recipient[:-1] + ("q" if recipient[-1] != "q" else "p")
    with pytest.raises(KeyFormatError):
        read_recipients([slip], None)


def test_what_is_no_file_of_recipients_is_told_what_one_holds(tmp_path: Path) -> None:
    secret = identity_file(X25519Identity.generate(os.urandom), created="now")
    for text in ("", secret):
        (tmp_path / "key").write_text(text)
        with pytest.raises(RecipientError) as refused:
            read_recipients([str(tmp_path / "key")], None)
        assert "AGE-SECRET" not in str(refused.value)


def test_post_quantum_keys_are_read_and_never_stand_beside_others(tmp_path: Path) -> None:
    hybrid, other = HybridIdentity.generate(os.urandom), X25519Identity.generate(os.urandom)
    (tmp_path / "key").write_text(identity_file(hybrid, created="now", recovery=other.recipient))
    assert read_identities([tmp_path / "key"], None) == (hybrid,)
    (tmp_path / "key.pub").write_text(f"{hybrid.recipient}\n")
    both = read_recipients([str(hybrid.recipient), str(tmp_path / "key.pub")], None)
    assert both == (hybrid.recipient, hybrid.recipient)
    with pytest.raises(MixedRecipientsError) as refused:
        read_recipients([str(tmp_path / "key.pub"), str(other.recipient)], None)
    assert "age1pq1..." in refusal_of(refused.value).hint
    (tmp_path / "passphrase").write_text("correct horse")
    with pytest.raises(MixedRecipientsError):
        read_recipients([str(tmp_path / "key.pub")], tmp_path / "passphrase")


def test_an_encrypted_identity_file_says_how_to_open_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n-----END AGE ENCRYPTED FILE-----\n")
    with pytest.raises(SecretError, match="decrypt it first"):
        read_identities([tmp_path / "key"], None)

"""Keys as text: Bech32, identities, recipients, identity files, and passphrases."""

from __future__ import annotations

import resource
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.age import bech32, envelope, header, keys
from archive.age.header import Stanza
from archive.age.primitives import encode_base64
from archive.age.scrypt import MAX_WORK_FACTOR, ScryptIdentity, ScryptRecipient
from archive.age.x25519 import X25519Identity, X25519Recipient
from archive.errors import AgeHeaderError, FormatError, KeyFormatError, NoMatchingKeyError
from tests.archive.crafting import IDENTITY, PASSPHRASE, STRANGER, WORK_FACTOR, drip, stand_alone

# The pair that C2SP's age.md gives as its example: 32 bytes of 0x42.
EXAMPLE_SECRET = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
EXAMPLE_RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"


def test_the_example_of_the_specification() -> None:
    identity = X25519Identity.parse(EXAMPLE_SECRET)
    assert identity.secret == bytes([0x42]) * 32
    assert str(identity.recipient) == EXAMPLE_RECIPIENT
    assert identity.secret_text() == EXAMPLE_SECRET
    assert X25519Recipient.parse(EXAMPLE_RECIPIENT) == identity.recipient
    assert stand_alone().parse_identity(EXAMPLE_SECRET) == ("X25519", identity.secret)


# Valid and invalid strings of BIP 173.
@pytest.mark.parametrize("text", ["A12UEL5L", "a12uel5l", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "?1ezyfcl"])
def test_bip173_valid(text: str) -> None:
    prefix, data = bech32.decode(text)
    assert bech32.encode(prefix, data) == text.lower()


@pytest.mark.parametrize(
    "text",
    [
        "pzry9x0s0muk",
        "1pzry9x0s0muk",
        "x1b4n0q5v",
        "li1dgmt3",
        "A1G7SGD8",
        "10a06t8",
        "1qzzfhee",
        "A12uEL5L",
        "",
        "\x201nwldj5",
    ],
)
def test_bip173_invalid(text: str) -> None:
    with pytest.raises(KeyFormatError):
        bech32.decode(text)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_bech32_comes_back(data: bytes) -> None:
    assert bech32.decode(bech32.encode("age", data)) == ("age", data)


@settings(deadline=None)
@given(st.integers(0, len(EXAMPLE_SECRET) - 1), st.sampled_from("ACDEFGHJKLMNPQRSTUVWXYZ023456789"))
def test_a_mistyped_character_is_noticed(position: int, character: str) -> None:
    text = EXAMPLE_SECRET[:position] + character + EXAMPLE_SECRET[position + 1 :]
    if text != EXAMPLE_SECRET:
        with pytest.raises(KeyFormatError):
            X25519Identity.parse(text)


# The example's 32 bytes with a right checksum but another end: a loose bit, and one character more than is needed.
LOOSE = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPPG0UGY5"
LONG = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQQ74RJQ6"
SHORT = bech32.encode("age-secret-key-", bytes(31)).upper()


@pytest.mark.parametrize("text", [EXAMPLE_SECRET.lower(), EXAMPLE_RECIPIENT, SHORT, LOOSE, LONG])
def test_what_is_no_identity(text: str) -> None:
    with pytest.raises(KeyFormatError) as caught:
        X25519Identity.parse(text)
    assert text not in str(caught.value)


@pytest.mark.parametrize("text", [EXAMPLE_RECIPIENT.upper(), EXAMPLE_SECRET, bech32.encode("age", bytes(33))])
def test_what_is_no_recipient(text: str) -> None:
    with pytest.raises(KeyFormatError):
        X25519Recipient.parse(text)


def test_an_identity_file_comes_back_with_its_comments_skipped() -> None:
    text = keys.identity_file(IDENTITY, created="2045-01-01")
    assert text.splitlines()[:2] == ["# created: 2045-01-01", f"# public key: {IDENTITY.recipient}"]
    assert keys.parse_identities("\r\n" + text.replace("\n", "\r\n") + f"\n  {EXAMPLE_SECRET}  \n") == (
        IDENTITY,
        X25519Identity.parse(EXAMPLE_SECRET),
    )


@pytest.mark.parametrize("text", ["", "# only a comment\n", EXAMPLE_RECIPIENT, "AGE-SECRET-KEY-PQ-1ABC", "hunter2"])
def test_identity_files_that_are_refused(text: str) -> None:
    with pytest.raises(KeyFormatError) as caught:
        keys.parse_identities(text)
    assert "hunter2" not in str(caught.value)


def test_recipients_name_the_line_that_is_wrong() -> None:
    assert keys.parse_recipients(f"# anna\n{EXAMPLE_RECIPIENT}\n") == (X25519Recipient.parse(EXAMPLE_RECIPIENT),)
    with pytest.raises(KeyFormatError, match=r"^line 2: "):
        keys.parse_recipients(f"{EXAMPLE_RECIPIENT}\nage1nonsense\n")
    with pytest.raises(KeyFormatError, match=r"^line 1: "):
        keys.parse_recipients("age1pq1abc")


def test_no_secret_shows_when_printed() -> None:
    assert repr(IDENTITY) == "X25519Identity()"
    assert PASSPHRASE not in repr(ScryptIdentity(PASSPHRASE)) + repr(ScryptRecipient(PASSPHRASE))


def test_each_recipient_opens_and_a_stranger_does_not() -> None:
    other = X25519Identity.generate(drip("other"))
    text, file_key = envelope.seal([IDENTITY.recipient, other.recipient], drip("seal"))
    parsed = header.parse(text)
    assert envelope.unseal(parsed, [STRANGER, other]) == file_key
    assert envelope.unseal(parsed, [IDENTITY]) == file_key
    for strangers in ([], [STRANGER], [ScryptIdentity(PASSPHRASE)]):
        with pytest.raises(NoMatchingKeyError):
            envelope.unseal(parsed, strangers)


def test_a_recipient_of_low_order_is_not_written_to() -> None:
    with pytest.raises(KeyFormatError):
        envelope.seal([X25519Recipient(bytes(32))], drip("seal"))


def test_a_passphrase_opens_and_another_does_not() -> None:
    text, file_key = envelope.seal([ScryptRecipient(PASSPHRASE, WORK_FACTOR)], drip("seal"))
    parsed = header.parse(text)
    assert parsed.stanzas[0].arguments[2] == str(WORK_FACTOR)
    assert envelope.unseal(parsed, [IDENTITY, ScryptIdentity(PASSPHRASE)]) == file_key
    for wrong in ("correct horse ", "Correct horse", ""):
        with pytest.raises(NoMatchingKeyError):
            envelope.unseal(parsed, [ScryptIdentity(wrong)])


def test_a_passphrase_is_the_only_recipient() -> None:
    both = [ScryptRecipient(PASSPHRASE, WORK_FACTOR), IDENTITY.recipient]
    with pytest.raises(FormatError, match="only recipient"):
        envelope.seal(both, drip("seal"))
    with pytest.raises(FormatError, match="at least one"):
        envelope.seal([], drip("seal"))


@pytest.mark.parametrize("work_factor", [MAX_WORK_FACTOR + 1, 30, 63, 99])
def test_a_costly_passphrase_is_refused_before_it_costs_anything(work_factor: int) -> None:
    stanza = Stanza(("scrypt", encode_base64(bytes(16)), str(work_factor)), bytes(32))
    parsed = header.parse(header.marshal([stanza], bytes(16)))
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(AgeHeaderError, match="work factor"):
        envelope.unseal(parsed, [ScryptIdentity(PASSPHRASE)])
    assert time.monotonic() - started < 0.1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024


def test_what_age_itself_writes_is_within_the_cap() -> None:
    assert ScryptRecipient(PASSPHRASE).work_factor == 18 <= MAX_WORK_FACTOR

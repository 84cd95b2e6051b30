"""The post-quantum kind of key: as age.md gives it, never beside another kind, and nothing for a careless sender."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.age import bech32, envelope, header, keys
from archive.age.header import Stanza
from archive.age.hybrid import ENC_BYTES, POINT_BYTES, HybridIdentity, HybridRecipient
from archive.age.primitives import decode_base64, encode_base64
from archive.age.scrypt import ScryptRecipient
from archive.errors import AgeHeaderError, KeyFormatError, MixedRecipientsError, NoMatchingKeyError
from tests.archive.crafting import HYBRID, IDENTITY, PASSPHRASE, WORK_FACTOR, drip, stand_alone

# The identity that C2SP's age.md gives as its example, and both ends of its recipient.
EXAMPLE_SECRET = "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR"
EXAMPLE_RECIPIENT = ("age1pq1x34nzsvr0rxjsgdn8zgyhfe8j7ceq5r9rdelkjuh3y235j", "x3qheyty7saeq0d3fzv49zc0k")
FILE_KEY = bytes(range(16))


def test_the_example_of_the_specification() -> None:
    identity = HybridIdentity.parse(EXAMPLE_SECRET)
    text = str(identity.recipient)
    assert (text[:53], text[-25:], len(text)) == (*EXAMPLE_RECIPIENT, 1959)
    assert identity.secret_text() == EXAMPLE_SECRET
    assert HybridRecipient.parse(text) == identity.recipient
    assert stand_alone().parse_identity(EXAMPLE_SECRET) == ("mlkem768x25519", identity.secret)


def test_each_recipient_opens_and_a_stranger_does_not() -> None:
    other, stranger = HybridIdentity.generate(drip("other")), HybridIdentity.generate(drip("a third"))
    text, file_key = envelope.seal([HYBRID.recipient, other.recipient], os.urandom)
    parsed = header.parse(text)
    for identity in (HYBRID, other):
        assert envelope.unseal(parsed, [IDENTITY, stranger, identity]) == file_key
    with pytest.raises(NoMatchingKeyError):
        envelope.unseal(parsed, [IDENTITY, stranger])


def test_two_headers_for_one_recipient_share_nothing() -> None:
    first, second = (HYBRID.recipient.wrap(FILE_KEY, drip("same")) for _ in range(2))
    assert first.arguments != second.arguments and first.body != second.body


@pytest.mark.parametrize("other", [IDENTITY.recipient, ScryptRecipient(PASSPHRASE, WORK_FACTOR)])
def test_no_other_kind_stands_beside_it(other: envelope.Recipient) -> None:
    for recipients in ([HYBRID.recipient, other], [other, HYBRID.recipient]):
        with pytest.raises(MixedRecipientsError):
            envelope.seal(recipients, drip("seal"))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, ENC_BYTES + 31), st.integers(1, 255))
def test_no_changed_byte_of_a_stanza_gives_a_file_key(position: int, change: int) -> None:
    stanza = HYBRID.recipient.wrap(FILE_KEY, os.urandom)
    data = bytearray(decode_base64(stanza.arguments[1]) + stanza.body)
    data[position] ^= change
    changed = Stanza((stanza.arguments[0], encode_base64(bytes(data[:ENC_BYTES]))), bytes(data[ENC_BYTES:]))
    # The top bit of an X25519 share does not count (RFC 7748), but it is part of what X-Wing hashes.
    assert HYBRID.unwrap([changed]) is None


LOW_ORDER = [
    bytes(32),
    b"\1" + bytes(31),
    bytes.fromhex("ec" + "ff" * 30 + "7f"),
    bytes.fromhex("ed" + "ff" * 30 + "7f"),
]


@pytest.mark.parametrize("share", LOW_ORDER)
def test_points_of_low_order_are_refused_on_both_sides(share: bytes) -> None:
    point = HYBRID.recipient.point[:-32] + share
    with pytest.raises(KeyFormatError):
        HybridRecipient.parse(bech32.encode("age1pq", point))
    with pytest.raises(KeyFormatError):
        HybridRecipient(point).wrap(FILE_KEY, os.urandom)
    enc = encode_base64(bytes(1088) + share)
    with pytest.raises(AgeHeaderError, match="low order"):
        HYBRID.unwrap([Stanza(("mlkem768x25519", enc), bytes(32))])


NOT_REDUCED = b"\xff" * 1184 + HYBRID.recipient.point[-32:]  # coefficients of 4095, where 3328 is the largest
BAD_RECIPIENTS = [
    str(HYBRID.recipient).upper(),
    bech32.encode("age1pq", bytes(POINT_BYTES - 1)),
    bech32.encode("age", HYBRID.recipient.point),
    bech32.encode("age1pq", NOT_REDUCED),
    HYBRID.secret_text(),
    str(HYBRID.recipient)[:-1],
]


@pytest.mark.parametrize("text", BAD_RECIPIENTS)
def test_what_is_no_recipient(text: str) -> None:
    with pytest.raises(KeyFormatError):
        HybridRecipient.parse(text)
    with pytest.raises(KeyFormatError):
        keys.parse_recipient(text)


BAD_IDENTITIES = [
    EXAMPLE_SECRET.lower(),
    bech32.encode("age-secret-key-pq-", bytes(31)).upper(),
    bech32.encode("age-secret-key-", bytes(32)).upper(),
    EXAMPLE_SECRET[:-1] + "Q",
]


@pytest.mark.parametrize("text", BAD_IDENTITIES)
def test_what_is_no_identity_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(KeyFormatError) as caught:
        HybridIdentity.parse(text)
    assert text not in str(caught.value) and caught.value.__cause__ is None


def test_nothing_secret_shows_when_printed() -> None:
    assert repr(HYBRID) == "HybridIdentity()"


def test_files_hold_both_kinds_of_key() -> None:
    text = keys.identity_file(HYBRID, created="now", recovery=IDENTITY.recipient) + IDENTITY.secret_text()
    assert keys.parse_identities(text) == (HYBRID, IDENTITY)
    assert f"# recovery public key: {IDENTITY.recipient}" in text
    both = (HYBRID.recipient, IDENTITY.recipient)
    assert keys.parse_recipients("\n".join(str(recipient) for recipient in both)) == both


@pytest.mark.parametrize("text", ["age-encryption.org/v1\n", "-----BEGIN AGE ENCRYPTED FILE-----\n"])
def test_an_identity_file_that_is_encrypted_says_so(text: str) -> None:
    with pytest.raises(KeyFormatError, match="decrypt it first"):
        keys.parse_identities(text)

"""Sealing a file key for recipients, and getting it back: the table of contents of the age format.

Knows no bundle. `seal` and `unseal` deal with the header; the payload follows it (stream.py). Reference: C2SP age.md.

    >>> import os
    >>> from archive.age.x25519 import X25519Identity
    >>> identity = X25519Identity.generate(os.urandom)
    >>> text, file_key = seal([identity.recipient], os.urandom)
    >>> unseal(header.parse(text), [identity]) == file_key
    True
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Protocol

from archive.age import armor, header, hybrid, primitives, scrypt, stream, x25519
from archive.age.header import Header, Stanza
from archive.age.hybrid import HybridRecipient
from archive.age.scrypt import ScryptRecipient
from archive.age.stream import EncryptingWriter, InOrderReader, SeekableReader, Source
from archive.errors import AgeHeaderError, FormatError, MixedRecipientsError, NoMatchingKeyError


class Recipient(Protocol):
    """Wraps a file key so that somebody can unwrap it."""

    def wrap(self, file_key: bytes, rng: Callable[[int], bytes]) -> Stanza: ...


class Identity(Protocol):
    """Unwraps a file key, or returns None where no stanza is meant for it."""

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None: ...


def seal(recipients: Sequence[Recipient], rng: Callable[[int], bytes]) -> tuple[bytes, bytes]:
    """(header bytes, file key) for a new file. FormatError for no recipient, MixedRecipientsError for some together."""
    if not recipients:
        raise FormatError("encryption needs at least one recipient")
    require_unmixed(recipients)
    file_key = rng(primitives.FILE_KEY_BYTES)
    stanzas = [recipient.wrap(file_key, rng) for recipient in recipients]
    return header.marshal(stanzas, file_key), file_key


def unseal(parsed: Header, identities: Sequence[Identity]) -> bytes:
    """The file key, from a header proven to be unchanged.

    AgeHeaderError, NoMatchingKeyError or HeaderMacError: in that order, so that none can hide behind a later one.
    """
    require_lone_passphrase(parsed.stanzas)
    for identity in identities:
        file_key = identity.unwrap(parsed.stanzas)
        if file_key is not None:
            header.verify(parsed, file_key)
            return file_key
    told = "none of the keys opens this bundle" if identities else "this bundle is encrypted, and no key was given"
    raise NoMatchingKeyError(told)


def require_well_formed(parsed: Header) -> None:
    """What can be said without a key: AgeHeaderError if a stanza of a known type breaks the rules of that type."""
    require_lone_passphrase(parsed.stanzas)
    for stanza in parsed.stanzas:
        if stanza.arguments[0] == x25519.STANZA_TYPE:
            x25519.parse_share(stanza)
        elif stanza.arguments[0] == scrypt.STANZA_TYPE:
            scrypt.parse_salt(stanza)
        elif stanza.arguments[0] == hybrid.STANZA_TYPE:
            hybrid.parse_enc(stanza)


def require_unmixed(recipients: Sequence[Recipient]) -> None:
    """MixedRecipientsError for what a writer must not put into one header (a reader minds only the passphrase)."""
    hybrids = sum(isinstance(recipient, HybridRecipient) for recipient in recipients)
    if len(recipients) > 1 and any(isinstance(recipient, ScryptRecipient) for recipient in recipients):
        raise MixedRecipientsError("a passphrase must be the only recipient")
    if 0 < hybrids < len(recipients):
        raise MixedRecipientsError("post-quantum recipients beside others: whoever breaks those reads it all the same")


def encrypt(
    read_into: Callable[[memoryview], int],
    sink: Callable[[memoryview], object],
    recipients: Sequence[Recipient],
    rng: Callable[[int], bytes],
    pool: Executor | None = None,
) -> None:
    """Hand a whole age file to *sink*, in pieces; *read_into*, a file's `readinto`, gives the plaintext."""
    text, file_key = seal(recipients, rng)
    nonce = rng(stream.NONCE_BYTES)
    sink(memoryview(text + nonce))
    writer = EncryptingWriter(stream.payload_key(file_key, nonce), sink, pool)
    while writer.fill(read_into):
        pass
    writer.finish()


def decrypt(source: Source, identities: Sequence[Identity]) -> SeekableReader:
    """The plaintext of a whole age file, binary or armored, to be read anywhere. Every refusal of this format."""
    source, parsed, file_key = _open(source, identities)
    return SeekableReader(file_key, source, start=parsed.size)


def decrypt_in_order(source: Source, identities: Sequence[Identity], pool: Executor | None = None) -> InOrderReader:
    """The same, to be read once; what precedes damage, or a missing end, is handed out before it is told."""
    source, parsed, file_key = _open(source, identities)
    return InOrderReader(file_key, source, start=parsed.size, pool=pool)


def require_lone_passphrase(stanzas: Sequence[Stanza]) -> None:
    """A passphrase also tells the reader who wrote the file; beside other recipients that would no longer be so."""
    if len(stanzas) > 1 and any(stanza.arguments[0] == scrypt.STANZA_TYPE for stanza in stanzas):
        raise AgeHeaderError("a passphrase must be the only recipient")


def _open(source: Source, identities: Sequence[Identity]) -> tuple[Source, Header, bytes]:
    if armor.is_armored(source):
        source = armor.ArmoredSource(source)
    parsed = header.parse(source.read_at(0, min(source.size, header.LIMIT_BYTES)))
    return source, parsed, unseal(parsed, identities)

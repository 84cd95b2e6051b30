"""Keys as people keep them: identity files and recipient strings.

Knows no passphrases and asks nobody anything. Reference: the identity files that `age-keygen` writes and `age -i`
reads: one `AGE-SECRET-KEY-1...` or `AGE-SECRET-KEY-PQ-1...` a line; empty lines and lines from # on are skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from archive.age.hybrid import HybridIdentity, HybridRecipient
from archive.age.x25519 import X25519Identity, X25519Recipient
from archive.errors import KeyFormatError

WrittenIdentity = X25519Identity | HybridIdentity
WrittenRecipient = X25519Recipient | HybridRecipient

_Key = TypeVar("_Key")
_AGE_FILES = ("age-encryption.org/", "-----BEGIN AGE ENCRYPTED FILE-----")


def identity_file(identity: WrittenIdentity, *, created: str, recovery: WrittenRecipient | None = None) -> str:
    """The text of an identity file. *created* is any one-line text for the reader, usually the time.

    *recovery* is the public half of a key that lies elsewhere: a comment, so that it is known to whom else to write.
    """
    second = f"# recovery public key: {recovery}\n" if recovery else ""
    return f"# created: {created}\n# public key: {identity.recipient}\n{second}{identity.secret_text()}\n"


def parse_identities(text: str) -> tuple[WrittenIdentity, ...]:
    """All identities of a file. KeyFormatError names the line, never its content, and refuses an empty file."""
    if text.startswith(_AGE_FILES):
        raise KeyFormatError("the identity file is encrypted itself; decrypt it first, with `age -d`")
    identities = tuple(_parse(parse_identity, line, number) for number, line in _lines(text))
    if not identities:
        raise KeyFormatError("the identity file holds no identity")
    return identities


def parse_recipients(text: str) -> tuple[WrittenRecipient, ...]:
    """All recipients of a text with one `age1...` a line. KeyFormatError as for identities."""
    recipients = tuple(_parse(parse_recipient, line, number) for number, line in _lines(text))
    if not recipients:
        raise KeyFormatError("no recipient was given")
    return recipients


def parse_identity(text: str) -> WrittenIdentity:
    """Read one identity of either kind; KeyFormatError otherwise."""
    return HybridIdentity.parse(text) if text.startswith("AGE-SECRET-KEY-PQ-1") else X25519Identity.parse(text)


def parse_recipient(text: str) -> WrittenRecipient:
    """Read one recipient of either kind; KeyFormatError otherwise."""
    return HybridRecipient.parse(text) if text.startswith("age1pq1") else X25519Recipient.parse(text)


def _lines(text: str) -> list[tuple[int, str]]:
    stripped = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    return [(number, line) for number, line in stripped if line and not line.startswith("#")]


def _parse(parse: Callable[[str], _Key], line: str, number: int) -> _Key:
    try:
        return parse(line)
    except KeyFormatError as error:
        raise KeyFormatError(f"line {number}: {error}") from None

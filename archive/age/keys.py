"""Keys as people keep them: identity files and recipient strings.

Knows no passphrases and asks nobody anything. Reference: the identity files that `age-keygen` writes and `age -i`
reads: one `AGE-SECRET-KEY-1...` a line; empty lines and lines that begin with # are skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from archive.age.x25519 import X25519Identity, X25519Recipient
from archive.errors import KeyFormatError

_Key = TypeVar("_Key")
_POST_QUANTUM = ("AGE-SECRET-KEY-PQ-1", "age1pq1")


def identity_file(identity: X25519Identity, *, created: str) -> str:
    """The text of an identity file. *created* is any one-line text for the reader, usually the time."""
    return f"# created: {created}\n# public key: {identity.recipient}\n{identity.secret_text()}\n"


def parse_identities(text: str) -> tuple[X25519Identity, ...]:
    """All identities of a file. KeyFormatError names the line, never its content, and refuses an empty file."""
    identities = tuple(_parse(X25519Identity.parse, line, number) for number, line in _lines(text))
    if not identities:
        raise KeyFormatError("the identity file holds no identity")
    return identities


def parse_recipients(text: str) -> tuple[X25519Recipient, ...]:
    """All recipients of a text with one `age1...` a line. KeyFormatError as for identities."""
    recipients = tuple(_parse(X25519Recipient.parse, line, number) for number, line in _lines(text))
    if not recipients:
        raise KeyFormatError("no recipient was given")
    return recipients


def _lines(text: str) -> list[tuple[int, str]]:
    stripped = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    return [(number, line) for number, line in stripped if line and not line.startswith("#")]


def _parse(parse: Callable[[str], _Key], line: str, number: int) -> _Key:
    if line.startswith(_POST_QUANTUM):
        raise KeyFormatError(f"line {number}: a post-quantum key; this version knows only X25519 keys")
    try:
        return parse(line)
    except KeyFormatError as error:
        raise KeyFormatError(f"line {number}: {error}") from None

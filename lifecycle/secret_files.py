"""Keys and passphrases, read from files and from nowhere else: an argument is seen by everyone on the machine.

Knows no bundle. Nothing it raises carries what is in a file. An identity file is what `lifecycle keygen` and
`age-keygen` write; a passphrase file holds the passphrase on its first line, and nothing on any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archive.age.envelope import Identity, Recipient, require_unmixed
from archive.age.keys import parse_identities, parse_recipients
from archive.age.scrypt import ScryptIdentity, ScryptRecipient
from archive.errors import KeyFormatError
from lifecycle.errors import RecipientError, SecretError

_MOST_BYTES = 64 << 10  # more is not a key: somebody named a recording


def read_identities(identity_files: Sequence[Path], passphrase_file: Path | None) -> tuple[Identity, ...]:
    """Return everything that may open a bundle: the identities of all files, then the passphrase. SecretError."""
    identities: list[Identity] = []
    for path in identity_files:
        try:
            identities += parse_identities(read_text(path))
        except KeyFormatError as error:
            raise SecretError(path, str(error)) from error
    if passphrase_file is not None:
        identities.append(ScryptIdentity(read_passphrase(passphrase_file)))
    return tuple(identities)


def read_recipients(named: Sequence[str], passphrase_file: Path | None) -> tuple[Recipient, ...]:
    """Return whom a bundle is for: each of *named* is an `age1...` or a file of them.

    KeyFormatError, RecipientError, SecretError, MixedRecipientsError.
    """
    recipients: list[Recipient] = []
    for name in named:
        if name.startswith("age1"):
            recipients += parse_recipients(name)
            continue
        text = read_text(Path(name))
        if "AGE-SECRET-KEY-" in text.upper():
            raise RecipientError(
                Path(name), "it holds the secret half of a key; a bundle is written to the public half"
            )
        try:
            recipients += parse_recipients(text)
        except KeyFormatError as error:
            raise RecipientError(Path(name), str(error)) from error
    if passphrase_file is not None:
        recipients.append(ScryptRecipient(read_passphrase(passphrase_file)))
    require_unmixed(recipients)  # now, and not after a minute of other work
    return tuple(recipients)


def read_passphrase(path: Path) -> str:
    """Return the passphrase in *path*: its one line without the line's end. SecretError if there is no such line."""
    passphrase, _, rest = read_text(path).partition("\n")
    passphrase = passphrase.removesuffix("\r")
    if not passphrase:
        raise SecretError(path, "its first line is empty")
    if rest.strip():
        raise SecretError(path, "it holds more than one line")
    return passphrase


def read_text(path: Path) -> str:
    """Return the text of a small file. SecretError if it is too long for a key, or no text."""
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise SecretError(path, "it is far too long for a key or a passphrase")
    try:
        return data.decode("utf-8-sig")  # a mark that some editors put first is in nobody's passphrase
    except UnicodeDecodeError:
        raise SecretError(path, "it is not text") from None  # the cause would carry the bytes

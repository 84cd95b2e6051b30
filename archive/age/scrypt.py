"""The passphrase kind of key: one secret, both to write and to read.

Knows no files and no prompts. Reference: C2SP age.md, "The scrypt recipient type"; RFC 7914 with r = 8, p = 1.
Deriving the key takes 1 KiB * 2^work_factor of memory for a moment: 256 MiB at 18.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from archive.age import primitives
from archive.age.header import Stanza
from archive.errors import AgeHeaderError

STANZA_TYPE = "scrypt"
WORK_FACTOR = 18  # what age itself writes: about a second
# The header is not authenticated when this number is read, so a stranger chooses how much memory a reader spends.
# 20 is 1 GiB and four times what anybody writes today; more is refused before anything is allocated.
MAX_WORK_FACTOR = 20
_SALT_BYTES = 16
_SALT_LABEL = b"age-encryption.org/v1/scrypt"
_DECIMAL = re.compile(r"[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class ScryptRecipient:
    """A passphrase to write with. Its UTF-8 bytes count, without any normalisation, as in age."""

    passphrase: str = field(repr=False)
    work_factor: int = WORK_FACTOR

    def wrap(self, file_key: bytes, rng: Callable[[int], bytes]) -> Stanza:
        """The file key under the passphrase and a fresh salt. It must stay the header's only stanza."""
        salt = rng(_SALT_BYTES)
        body = primitives.wrap(_wrap_key(self.passphrase, salt, self.work_factor), file_key)
        return Stanza((STANZA_TYPE, primitives.encode_base64(salt), str(self.work_factor)), body)


@dataclass(frozen=True, slots=True)
class ScryptIdentity:
    """A passphrase to read with."""

    passphrase: str = field(repr=False)
    max_work_factor: int = MAX_WORK_FACTOR

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """The file key, or None. AgeHeaderError for a malformed stanza, or one that asks for too much work."""
        for stanza in stanzas:
            if stanza.arguments[0] != STANZA_TYPE:
                continue
            salt, work_factor = parse_salt(stanza)
            if work_factor > self.max_work_factor:
                raise AgeHeaderError(f"the passphrase's work factor is {work_factor}, above {self.max_work_factor}")
            return primitives.unwrap(_wrap_key(self.passphrase, salt, work_factor), stanza.body)
        return None


def parse_salt(stanza: Stanza) -> tuple[bytes, int]:
    """(salt, work factor) of a scrypt stanza, its form checked but not its cost."""
    if len(stanza.arguments) != 3:
        raise AgeHeaderError("a scrypt stanza with the wrong number of arguments")
    salt = primitives.decode_base64(stanza.arguments[1])
    if len(salt) != _SALT_BYTES or len(stanza.body) != primitives.WRAPPED_KEY_BYTES:
        raise AgeHeaderError("a scrypt stanza of the wrong size")
    digits = stanza.arguments[2]
    if not _DECIMAL.fullmatch(digits) or len(digits) > 2:
        raise AgeHeaderError("a scrypt stanza whose work factor is no small decimal number")
    return salt, int(digits)


def _wrap_key(passphrase: str, salt: bytes, work_factor: int) -> bytes:
    kdf = Scrypt(salt=_SALT_LABEL + salt, length=32, n=1 << work_factor, r=8, p=1)
    return kdf.derive(passphrase.encode("utf-8"))

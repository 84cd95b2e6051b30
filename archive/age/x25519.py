"""The X25519 kind of key: whoever has the recipient can write for the identity.

Knows no files. Reference: C2SP age.md, "The X25519 recipient type"; RFC 7748.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from archive.age import bech32, primitives
from archive.age.header import Stanza
from archive.errors import AgeHeaderError, KeyFormatError

STANZA_TYPE = "X25519"
KEY_BYTES = 32
_INFO = b"age-encryption.org/v1/X25519"
_RECIPIENT_PREFIX = "age"
_IDENTITY_PREFIX = "age-secret-key-"


@dataclass(frozen=True, slots=True)
class X25519Recipient:
    """A public key, written `age1...`."""

    point: bytes

    @classmethod
    def parse(cls, text: str) -> X25519Recipient:
        """Read `age1...`; KeyFormatError otherwise."""
        prefix, data = bech32.decode(text)
        if prefix != _RECIPIENT_PREFIX or text != text.lower():
            raise KeyFormatError("not a recipient: those begin with age1")
        if len(data) != KEY_BYTES:
            raise KeyFormatError(f"a recipient of {len(data)} bytes instead of {KEY_BYTES}")
        return cls(data)

    def __str__(self) -> str:
        return bech32.encode(_RECIPIENT_PREFIX, self.point)

    def wrap(self, file_key: bytes, rng: Callable[[int], bytes]) -> Stanza:
        """The file key for this recipient, under a secret drawn from *rng* for this stanza alone."""
        ephemeral = X25519PrivateKey.from_private_bytes(rng(KEY_BYTES))
        share = ephemeral.public_key().public_bytes_raw()
        try:
            shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(self.point))
        except ValueError:  # a point of low order: everybody would know the shared secret
            raise KeyFormatError("this recipient is no usable public key") from None
        wrap_key = primitives.hkdf(shared, share + self.point, _INFO)
        return Stanza((STANZA_TYPE, primitives.encode_base64(share)), primitives.wrap(wrap_key, file_key))


@dataclass(frozen=True, slots=True)
class X25519Identity:
    """A secret key, written `AGE-SECRET-KEY-1...`."""

    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls, rng: Callable[[int], bytes]) -> X25519Identity:
        """A new one. *rng* must be the operating system's, except in tests."""
        return cls(rng(KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> X25519Identity:
        """Read `AGE-SECRET-KEY-1...`; KeyFormatError otherwise."""
        prefix, data = bech32.decode(text)
        if prefix != _IDENTITY_PREFIX or text != text.upper():
            raise KeyFormatError("not an identity: those begin with AGE-SECRET-KEY-1")
        if len(data) != KEY_BYTES:
            raise KeyFormatError(f"an identity of {len(data)} bytes instead of {KEY_BYTES}")
        return cls(data)

    @property
    def recipient(self) -> X25519Recipient:
        """The public half."""
        return X25519Recipient(X25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw())

    def secret_text(self) -> str:
        """The written form. A method and not `str`, so that no log line prints a secret by accident."""
        return bech32.encode(_IDENTITY_PREFIX, self.secret).upper()

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """The file key, or None if no stanza is for this identity. AgeHeaderError for a malformed X25519 stanza."""
        for stanza in stanzas:
            if stanza.arguments[0] != STANZA_TYPE:
                continue
            file_key = self._unwrap_one(parse_share(stanza), stanza.body)
            if file_key is not None:
                return file_key
        return None

    def _unwrap_one(self, share: bytes, body: bytes) -> bytes | None:
        secret = X25519PrivateKey.from_private_bytes(self.secret)
        try:
            shared = secret.exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError:  # the all-zero secret that age.md says to abort on
            raise AgeHeaderError("an X25519 stanza with a share of low order") from None
        salt = share + secret.public_key().public_bytes_raw()
        return primitives.unwrap(primitives.hkdf(shared, salt, _INFO), body)


def parse_share(stanza: Stanza) -> bytes:
    """The sender's share. The body's length is checked before any key: else one ciphertext could fit many keys."""
    if len(stanza.arguments) != 2:
        raise AgeHeaderError("an X25519 stanza with the wrong number of arguments")
    share = primitives.decode_base64(stanza.arguments[1])
    if len(share) != KEY_BYTES or len(stanza.body) != primitives.WRAPPED_KEY_BYTES:
        raise AgeHeaderError("an X25519 stanza of the wrong size")
    return share

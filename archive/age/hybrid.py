"""The post-quantum kind of key: whoever breaks X25519 one day still has ML-KEM-768 before them, and the reverse.

Knows no files. Reference: C2SP age.md, "The MLKEM768-X25519 hybrid post-quantum recipient type": HPKE (RFC 9180) in
base mode over X-Wing (draft-connolly-cfrg-xwing-kem), with HKDF-SHA-256 and ChaCha20-Poly1305, by `cryptography`.

    identity   seed (32); SHAKE-256(seed) = ML-KEM-768 seed (64) | X25519 secret (32)
    recipient  ML-KEM-768 encapsulation key (1184) | X25519 point (32)
    enc        ML-KEM-768 ciphertext (1088) | ephemeral X25519 share (32)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from archive.age import bech32, primitives
from archive.age.header import Stanza
from archive.errors import AgeHeaderError, KeyFormatError

STANZA_TYPE = "mlkem768x25519"
SEED_BYTES = 32
POINT_BYTES = 1184 + 32
ENC_BYTES = 1088 + 32
_X25519_BYTES = 32
_MLKEM_SEED_BYTES = 64
_INFO = b"age-encryption.org/mlkem768x25519"
_RECIPIENT_PREFIX = "age1pq"
_IDENTITY_PREFIX = "age-secret-key-pq-"


@dataclass(frozen=True, slots=True)
class HybridRecipient:
    """A public key, written `age1pq1...`, in 1959 characters."""

    point: bytes

    @classmethod
    def parse(cls, text: str) -> HybridRecipient:
        """Read `age1pq1...`; KeyFormatError otherwise, also for bytes that are nobody's public key."""
        prefix, data = bech32.decode(text)
        if prefix != _RECIPIENT_PREFIX or text != text.lower():
            raise KeyFormatError("not a post-quantum recipient: those begin with age1pq1")
        if len(data) != POINT_BYTES:
            raise KeyFormatError(f"a post-quantum recipient of {len(data)} bytes instead of {POINT_BYTES}")
        recipient = cls(data)
        recipient._public_key()
        return recipient

    def __str__(self) -> str:
        return bech32.encode(_RECIPIENT_PREFIX, self.point)

    def wrap(self, file_key: bytes, rng: Callable[[int], bytes]) -> Stanza:
        """The file key for this recipient. *rng* is left alone: HPKE draws from the operating system."""
        sealed = _suite().encrypt(file_key, self._public_key(), _INFO)
        return Stanza((STANZA_TYPE, primitives.encode_base64(sealed[:ENC_BYTES])), sealed[ENC_BYTES:])

    def _public_key(self) -> MLKEM768X25519PublicKey:
        try:
            mlkem = MLKEM768PublicKey.from_public_bytes(self.point[:-_X25519_BYTES])
            x25519 = X25519PublicKey.from_public_bytes(self.point[-_X25519_BYTES:])
            X25519PrivateKey.from_private_bytes(bytes(_X25519_BYTES)).exchange(x25519)  # refuses a point of low order
        except ValueError:
            raise KeyFormatError("this recipient is no usable public key") from None
        return MLKEM768X25519PublicKey(mlkem, x25519)


@dataclass(frozen=True, slots=True)
class HybridIdentity:
    """A secret key, written `AGE-SECRET-KEY-PQ-1...`."""

    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls, rng: Callable[[int], bytes]) -> HybridIdentity:
        """A new one. *rng* must be the operating system's, except in tests."""
        return cls(rng(SEED_BYTES))

    @classmethod
    def parse(cls, text: str) -> HybridIdentity:
        """Read `AGE-SECRET-KEY-PQ-1...`; KeyFormatError otherwise."""
        prefix, data = bech32.decode(text)
        if prefix != _IDENTITY_PREFIX or text != text.upper():
            raise KeyFormatError("not a post-quantum identity: those begin with AGE-SECRET-KEY-PQ-1")
        if len(data) != SEED_BYTES:
            raise KeyFormatError(f"a post-quantum identity of {len(data)} bytes instead of {SEED_BYTES}")
        return cls(data)

    @property
    def recipient(self) -> HybridRecipient:
        """The public half."""
        mlkem, x25519 = self._private_keys()
        return HybridRecipient(mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())

    def secret_text(self) -> str:
        """The written form. A method and not `str`, so that no log line prints a secret by accident."""
        return bech32.encode(_IDENTITY_PREFIX, self.secret).upper()

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """The file key, or None if no stanza is for this identity. AgeHeaderError for a malformed hybrid stanza."""
        for stanza in stanzas:
            if stanza.arguments[0] != STANZA_TYPE:
                continue
            file_key = self._unwrap_one(parse_enc(stanza), stanza.body)
            if file_key is not None:
                return file_key
        return None

    def _unwrap_one(self, enc: bytes, body: bytes) -> bytes | None:
        mlkem, x25519 = self._private_keys()
        try:
            x25519.exchange(X25519PublicKey.from_public_bytes(enc[-_X25519_BYTES:]))
        except ValueError:  # the all-zero secret; HPKE would only say that this key does not fit
            raise AgeHeaderError("a post-quantum stanza with a share of low order") from None
        try:
            return _suite().decrypt(enc + body, MLKEM768X25519PrivateKey(mlkem, x25519), _INFO)
        except InvalidTag:
            return None

    def _private_keys(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        expanded = hashlib.shake_256(self.secret).digest(_MLKEM_SEED_BYTES + _X25519_BYTES)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES])
        return mlkem, X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_BYTES:])


def parse_enc(stanza: Stanza) -> bytes:
    """HPKE's encapsulated key. The body's length is checked before any key: else one ciphertext could fit many keys."""
    if len(stanza.arguments) != 2:
        raise AgeHeaderError("a post-quantum stanza with the wrong number of arguments")
    enc = primitives.decode_base64(stanza.arguments[1])
    if len(enc) != ENC_BYTES or len(stanza.body) != primitives.WRAPPED_KEY_BYTES:
        raise AgeHeaderError("a post-quantum stanza of the wrong size")
    return enc


def _suite() -> Suite:
    return Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)

"""The few derivations and encodings that header, stream and keys share.

Knows no file layout. Reference: C2SP age.md, "Conventions" and the wrapping steps of the native recipient types.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from archive.errors import AgeHeaderError

FILE_KEY_BYTES = 16
TAG_BYTES = 16
WRAPPED_KEY_BYTES = FILE_KEY_BYTES + TAG_BYTES

# Every wrap key encrypts exactly one file key and is derived from fresh randomness (an ephemeral secret, a salt),
# so the constant nonce never meets the same key twice. The payload is the other case: it counts (stream.py).
_NONCE = bytes(12)


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869), 32 bytes."""
    return HKDF(SHA256(), 32, salt, info).derive(key)


def wrap(wrap_key: bytes, file_key: bytes) -> bytes:
    """Encrypt a file key: 32 bytes."""
    return ChaCha20Poly1305(wrap_key).encrypt(_NONCE, file_key, None)


def unwrap(wrap_key: bytes, body: bytes) -> bytes | None:
    """The file key, or None where this wrap key is not the one."""
    try:
        return ChaCha20Poly1305(wrap_key).decrypt(_NONCE, body, None)
    except InvalidTag:
        return None


def encode_base64(data: bytes) -> str:
    """Standard alphabet, no padding."""
    return base64.b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64(text: str) -> bytes:
    """The bytes of *text*; AgeHeaderError unless it is canonical (no padding, no loose bits, no odd characters)."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise AgeHeaderError("the encryption header holds broken base64") from None
    if encode_base64(data) != text:
        raise AgeHeaderError("the encryption header holds base64 that is not canonical")
    return data

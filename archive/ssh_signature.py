"""SSHSIG: signatures that `ssh-keygen -Y verify` accepts. Made over a SHA-512, so of files of any size in one pass.

Knows no files and whom to trust as little. Reference: OpenSSH's PROTOCOL.sshsig.

    signature = "SSHSIG" | version 1 (4) | string public key | string namespace | string "" | string "sha512" |
                string (string "ssh-ed25519" | string signature (64))
    signed    = "SSHSIG" | string namespace | string "" | string "sha512" | string SHA-512 of the file
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from archive.errors import KeyFormatError
from archive.ssh_keys import KEY_TYPE, PublicKey, Reader, parse_public, string, unwrapped, wrapped

MAX_BYTES = 4096  # one of Ed25519 has some 300
_MAGIC, _VERSION, _HASH = b"SSHSIG", (1).to_bytes(4, "big"), b"sha512"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


@dataclass(frozen=True, slots=True)
class SshSignature:
    """A signature as it was read: whose key it names, what for, and 64 bytes that are worth nothing until verified."""

    key: PublicKey
    namespace: str
    signature: bytes

    def verifies(self, sha512: bytes) -> bool:
        """Whether the key signed this digest."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key.raw).verify(self.signature, _signed(self.namespace, sha512))
        except (InvalidSignature, ValueError):
            return False
        return True


def sign(key: Ed25519PrivateKey, namespace: str, sha512: bytes) -> str:
    """The armored signature of a file with this SHA-512."""
    public = PublicKey(key.public_key().public_bytes_raw())
    made = string(KEY_TYPE) + string(key.sign(_signed(namespace, sha512)))
    blob = _MAGIC + _VERSION + string(public.blob) + _purpose(namespace) + string(made)
    return f"{_BEGIN}\n{wrapped(blob)}{_END}\n"


def parse(text: str) -> SshSignature:
    """Read an armored signature. KeyFormatError for what is none, or is one of another kind of key or hash."""
    what = "the signature"
    reader = Reader(unwrapped(text, _BEGIN, _END, what), what)
    reader.expect(_MAGIC, "it is no SSHSIG")
    reader.expect(_VERSION, "it is of a later version")
    key = parse_public(reader.string())
    try:
        namespace = reader.string().decode("ascii")
    except UnicodeDecodeError:
        raise reader.refuse("its namespace is not ASCII") from None
    reader.string()  # reserved: PROTOCOL.sshsig asks readers to ignore it, and what is signed holds it empty here
    if reader.string() != _HASH:
        raise KeyFormatError("the signature is of another hash than SHA-512, which ssh-keygen takes by itself")
    made = Reader(reader.string(), what)
    made.expect(string(KEY_TYPE), "it is not made by the key it names")
    signature = made.string()
    if len(signature) != 64 or made.rest() or reader.rest():
        raise reader.refuse("something follows it")
    return SshSignature(key, namespace, signature)


def _purpose(namespace: str) -> bytes:
    return string(namespace.encode("ascii")) + string(b"") + string(_HASH)


def _signed(namespace: str, sha512: bytes) -> bytes:
    return _MAGIC + _purpose(namespace) + string(sha512)

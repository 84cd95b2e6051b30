"""Who made a bundle: the maker's keys, the signatures over the payload file, and what a reader may conclude from them.

Knows neither where keys are kept nor whom to trust: both are given. Reference: SPEC.md section 10;
docs/decisions/0011-signatures.md.

One secret, the seed of an Ed25519 key, is all that a maker keeps. Two further keys are derived from it (HKDF-SHA-512,
RFC 5869, no salt, one info each, so that none tells of another), because other tools ask for other kinds:

    seed (32) ── Ed25519 ────────────────────── SSHSIG over the payload file        ssh-keygen -Y verify
             ├── HKDF "... p-256"     → P-256 ─ manifest.dsse.json inside           model_signing verify key
             └── HKDF "... ml-dsa-65" → seed ── over its SHA-512, against quantum computers
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from archive import ssh_keys, ssh_signature
from archive.errors import KeyFormatError
from archive.ssh_keys import PublicKey, TrustedKey, fingerprint

NAMESPACE = "lifecycle-bundle@v1"
ML_DSA_BYTES = 1952 + 3309  # public key and signature
MAX_ML_DSA_TEXT_BYTES = 8192
_BEGIN, _END = "-----BEGIN ML-DSA-65 SIGNATURE-----", "-----END ML-DSA-65 SIGNATURE-----"
_MAIN_KIND = ssh_keys.KEY_TYPE.decode()
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Signer:
    """The maker's secret, and the name that was given to it. The name proves nothing; the fingerprint does."""

    seed: bytes = field(repr=False)
    name: str = ""

    @classmethod
    def generate(cls, rng: Callable[[int], bytes], name: str) -> Signer:
        """A new one."""
        return cls(rng(32), name)

    @classmethod
    def parse(cls, text: str) -> Signer:
        """From an OpenSSH private key file. KeyFormatError."""
        return cls(*ssh_keys.parse_secret_file(text))

    def secret_file(self, rng: Callable[[int], bytes]) -> str:
        """The text of its file, which ssh-keygen reads too."""
        return ssh_keys.secret_file(self.seed, self.name, rng)

    def public_file(self) -> str:
        """What to give away: an OpenSSH line, and below it the fingerprint of the ML-DSA key, as a comment."""
        return self.public.line + f"# ml-dsa-65 {self.ml_dsa_fingerprint}\n"

    @property
    def public(self) -> PublicKey:
        """The key that stands for the maker."""
        return PublicKey(self._ed25519().public_key().public_bytes_raw(), self.name)

    @property
    def ml_dsa_fingerprint(self) -> str:
        """SHA256:... of the raw ML-DSA key."""
        return fingerprint(self._ml_dsa().public_key().public_bytes_raw())

    @property
    def p256(self) -> ec.EllipticCurvePrivateKey:
        """The key of manifest.dsse.json."""
        # 64 bytes modulo the order: the bias is 2^-256 (FIPS 186-5, A.2.1)
        number = int.from_bytes(self._derive(b"p-256", 64), "big") % (_P256_ORDER - 1) + 1
        return ec.derive_private_key(number, ec.SECP256R1())

    def sign(self, sha512: bytes, namespace: str = NAMESPACE) -> bytes:
        """An armored SSHSIG for a file with this SHA-512."""
        return ssh_signature.sign(self._ed25519(), namespace, sha512).encode("ascii")

    def sign_ml_dsa(self, sha512: bytes, name: str) -> bytes:
        """An armored ML-DSA-65 key and its signature of the line that `sha512sum NAME` prints."""
        key = self._ml_dsa()
        signature = key.sign(_sum_line(sha512, name), NAMESPACE.encode())
        blob = key.public_key().public_bytes_raw() + signature
        return f"{_BEGIN}\n{ssh_keys.wrapped(blob)}{_END}\n".encode("ascii")

    def _ed25519(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    def _ml_dsa(self) -> MLDSA65PrivateKey:
        return MLDSA65PrivateKey.from_seed_bytes(self._derive(b"ml-dsa-65", 32))

    def _derive(self, purpose: bytes, size: int) -> bytes:
        return HKDF(hashes.SHA512(), size, None, NAMESPACE.encode() + b" " + purpose).derive(self.seed)


@dataclass(frozen=True, slots=True)
class Signature:
    """What one signature turned out to be worth. *trusted* names whom the reader's list knows it to be, or is None."""

    kind: str  # "ssh-ed25519", "ml-dsa-65", or another's, which is not known here
    fingerprint: str  # of the key it names; "" where that could not be read
    valid: bool | None  # None: of a kind that cannot be verified here
    trusted: str | None = None  # "" where the list gives the key no name
    problem: str = ""  # why it is not valid, or not trusted


def judge(
    sha512: bytes, name: str, texts: Sequence[tuple[str, bytes]], trusted: Sequence[TrustedKey], now: datetime
) -> tuple[Signature, ...]:
    """What the signatures in *texts* (member's name, its bytes) over the payload file *name* are worth.

    The SSHSIG counts for trust. An ML-DSA signature is asked for where the trusted key's line asks for it: then both
    must be right, and the SSHSIG alone is not trusted.
    """
    others = [_judge_other(sha512, name, member, text) for member, text in texts if member != f"{name}.sig"]
    valid_ml_dsa = {other.fingerprint for other in others if other.valid}
    found = [_judge_ssh(sha512, text, trusted, valid_ml_dsa, now) for member, text in texts if member == f"{name}.sig"]
    whose = {key.ml_dsa: key.principals for key in trusted if key.ml_dsa}
    return (
        *found,
        *(replace(other, trusted=whose.get(other.fingerprint)) if other.valid else other for other in others),
    )


def is_trusted(signatures: Sequence[Signature]) -> bool:
    """Whether somebody who is trusted signed with their Ed25519 key, and no signature is a wrong one."""
    wrong = any(signature.valid is False for signature in signatures)
    main = [signature for signature in signatures if signature.kind == _MAIN_KIND]
    return not wrong and any(signature.trusted is not None for signature in main)


def _judge_ssh(sha512: bytes, text: bytes, trusted: Sequence[TrustedKey], ml_dsa: set[str], now: datetime) -> Signature:
    kind = _MAIN_KIND
    try:
        read = ssh_signature.parse(text.decode("ascii", "replace"))
    except KeyFormatError as error:
        return Signature(kind, "", False, None, str(error))
    shown = read.key.fingerprint
    if read.namespace != NAMESPACE:
        return Signature(kind, shown, False, None, f"it was made for {read.namespace!r}, not for a bundle")
    if not read.verifies(sha512):
        return Signature(kind, shown, False, None, "the payload was changed after it was signed")
    known = [key for key in trusted if key.key.raw == read.key.raw]
    if not known:
        return Signature(kind, shown, True, None, "nobody whom you trust has this key")
    allowed = [key for key in known if key.allows(NAMESPACE, now)]
    if not allowed:
        return Signature(kind, shown, True, None, "the list of trusted keys does not allow it for this, or not today")
    if not any(not key.ml_dsa or key.ml_dsa in ml_dsa for key in allowed):
        return Signature(kind, shown, True, None, "the trusted key asks for an ML-DSA signature beside it")
    return Signature(kind, shown, True, allowed[0].principals)


def _judge_other(sha512: bytes, name: str, member: str, text: bytes) -> Signature:
    if member != f"{name}.mldsa.sig":
        other = member.removeprefix(f"{name}.").removesuffix(".sig")
        return Signature(other, "", None, None, "of a kind that is not known here")
    kind = "ml-dsa-65"
    try:
        blob = ssh_keys.unwrapped(text.decode("ascii", "replace"), _BEGIN, _END, "the ML-DSA signature")
    except KeyFormatError as error:
        return Signature(kind, "", False, None, str(error))
    if len(blob) != ML_DSA_BYTES:
        return Signature(kind, "", False, None, f"it has {len(blob)} bytes instead of {ML_DSA_BYTES}")
    raw, signature = blob[:1952], blob[1952:]
    try:
        MLDSA65PublicKey.from_public_bytes(raw).verify(signature, _sum_line(sha512, name), NAMESPACE.encode())
    except (InvalidSignature, ValueError):
        return Signature(kind, fingerprint(raw), False, None, "the payload was changed after it was signed")
    return Signature(kind, fingerprint(raw), True)


def _sum_line(sha512: bytes, name: str) -> bytes:
    return f"{sha512.hex()}  {name}\n".encode("ascii")

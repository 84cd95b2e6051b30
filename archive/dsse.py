"""manifest.dsse.json: the manifest once more, as OpenSSF's model-signing v1.0 signs and verifies a directory.

Knows no keys' files. A reader with that tool needs nothing of ours: it compares the extracted payload with this file.
References: https://github.com/sigstore/model-transparency (model-signing v1.0), in-toto Statement v1, DSSE v1, Sigstore
bundle v0.3.

    bundle    = {mediaType, verificationMaterial: {publicKey: {rawBytes: PEM, keyDetails}}, dsseEnvelope: envelope}
    envelope  = {payload: statement, payloadType, signatures: [{sig, keyid: null}]}
    signed    = "DSSEv1 " LEN(payloadType) " " payloadType " " LEN(statement) " " statement, with ECDSA, P-256, SHA-256
    statement = subject: one SHA-256 over all files' SHA-256; predicate: every file by name, how they were read
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from pathlib import PurePosixPath

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from archive.errors import SignatureError
from archive.manifest import MAX_BYTES as MAX_MANIFEST_BYTES
from archive.manifest import PATH, Manifest
from archive.ssh_keys import fingerprint

NAME = "manifest.dsse.json"
MAX_BYTES = 2 * MAX_MANIFEST_BYTES
_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE_TYPE = "https://model_signing/signature/v1.0"
_KEY_DETAILS = "PKIX_ECDSA_P256_SHA_256"
_SERIALIZATION = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}


@dataclass(frozen=True, slots=True)
class Attestation:
    """A verified manifest.dsse.json: what it says of every file, and the fingerprint of the P-256 key that says it."""

    fingerprint: str
    public_pem: bytes
    sha256: dict[str, str]  # by path


def sign(key: ec.EllipticCurvePrivateKey, described: Manifest, name: str) -> bytes:
    """The bytes of manifest.dsse.json for this payload. *name* is what the model is called; the tool ignores it."""
    statement = json.dumps(_statement(described, name), indent=2).encode("utf-8")
    signature = key.sign(_pae(statement), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    document = {
        "mediaType": _MEDIA_TYPE,
        "verificationMaterial": {
            "publicKey": {"rawBytes": _text(public_pem(key.public_key())), "keyDetails": _KEY_DETAILS}
        },
        "dsseEnvelope": {
            "payload": _text(statement),
            "payloadType": _PAYLOAD_TYPE,
            "signatures": [{"sig": _text(signature), "keyid": None}],
        },
    }
    return json.dumps(document).encode("ascii")


def verify(data: bytes, described: Manifest) -> Attestation:
    """Read manifest.dsse.json and see that its key signed exactly this manifest. SignatureError otherwise."""
    try:
        document = json.loads(data)
        envelope = document["dsseEnvelope"]
        pem = _bytes(document["verificationMaterial"]["publicKey"]["rawBytes"])
        statement, signature = _bytes(envelope["payload"]), _bytes(envelope["signatures"][0]["sig"])
        types = (document["mediaType"], envelope["payloadType"])
        public = serialization.load_pem_public_key(pem)
    except (ValueError, KeyError, IndexError, TypeError, RecursionError, binascii.Error, UnsupportedAlgorithm):
        raise SignatureError(f"{NAME} is not in the form of model-signing v1.0") from None
    if types != (_MEDIA_TYPE, _PAYLOAD_TYPE) or not isinstance(public, ec.EllipticCurvePublicKey):
        raise SignatureError(f"{NAME} is not in the form of model-signing v1.0")
    if not isinstance(public.curve, ec.SECP256R1):
        raise SignatureError(f"{NAME} is signed with another curve than P-256")
    try:
        public.verify(signature, _pae(statement), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise SignatureError(f"the signature in {NAME} is not made by the key it names") from None
    return Attestation(key_fingerprint(public), public_pem(public), _compare(statement, described))


def public_pem(public: ec.EllipticCurvePublicKey) -> bytes:
    """The key as model-signing's --public_key wants it."""
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_fingerprint(public: ec.EllipticCurvePublicKey) -> str:
    """SHA256:... of the key's DER form."""
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return fingerprint(der)


def _files(described: Manifest) -> dict[str, str]:
    """Path → SHA-256 of every file of an extracted payload, manifest.json included, in model-signing's order."""
    files = {entry.path: entry.sha256 for entry in described.members}
    files[PATH] = hashlib.sha256(described.to_bytes()).hexdigest()
    return {path: files[path] for path in sorted(files, key=PurePosixPath)}


def _statement(described: Manifest, name: str) -> dict[str, object]:
    files = _files(described)
    root = hashlib.sha256(b"".join(bytes.fromhex(sha256) for sha256 in files.values())).hexdigest()
    resources = [{"name": path, "algorithm": "sha256", "digest": sha256} for path, sha256 in files.items()]
    return {
        "_type": _STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": root}}],
        "predicateType": _PREDICATE_TYPE,
        "predicate": {"resources": resources, "serialization": _SERIALIZATION},
    }


def _compare(statement: bytes, described: Manifest) -> dict[str, str]:
    """The statement's digests by path; SignatureError unless they are the manifest's, no more and no fewer."""
    try:
        told = json.loads(statement)
        if not isinstance(told, dict):
            raise SignatureError(f"{NAME} holds no statement")
        name = told["subject"][0]["name"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        raise SignatureError(f"{NAME} holds no statement of model-signing v1.0") from None
    if told != _statement(described, name):
        raise SignatureError(f"{NAME} was signed for another payload")
    return _files(described)


def _pae(statement: bytes) -> bytes:
    return f"DSSEv1 {len(_PAYLOAD_TYPE)} {_PAYLOAD_TYPE} {len(statement)} ".encode("ascii") + statement


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("no base64")
    return base64.b64decode(text, validate=True)

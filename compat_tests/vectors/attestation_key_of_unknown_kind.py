"""An attestation whose key is of a kind that nobody knows."""

from base64 import b64encode

from crafting import compact, signed, vector

# SubjectPublicKeyInfo: the object identifier 1.2.840.10045.2.65 where a P-256 key has 1.2.840.10045.2.1
KEY = bytes.fromhex("3018300b06072a8648ce3d02413000030900") + bytes(8)
PEM = b"-----BEGIN PUBLIC KEY-----\n" + b64encode(KEY) + b"\n-----END PUBLIC KEY-----\n"
text = b64encode(PEM).decode()
document = {
    "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
    "verificationMaterial": {"publicKey": {"rawBytes": text, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}},
    "dsseEnvelope": {"payload": "", "payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": ""}]},
}

vector(
    __file__,
    "signature",
    "is not in the form of model-signing",
    signed(b"manifest.dsse.json", compact(document)),
    reads="signed",
)

"""An attestation that names no key."""

from crafting import signed, vector

vector(
    __file__,
    "signature",
    "is not in the form of model-signing",
    signed(b"manifest.dsse.json", b'{"dsseEnvelope":{}}'),
    reads="signed",
)

"""An attestation of brackets in brackets."""

from crafting import signed, vector

vector(
    __file__,
    "signature",
    "is not in the form of model-signing",
    signed(b"manifest.dsse.json", b"[" * 5000),
    reads="signed",
)

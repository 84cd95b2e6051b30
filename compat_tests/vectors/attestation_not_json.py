"""An attestation that is no JSON."""

from crafting import signed, vector

vector(
    __file__,
    "signature",
    "is not in the form of model-signing",
    signed(b"manifest.dsse.json", b"signed by me"),
    reads="signed",
)

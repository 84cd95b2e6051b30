"""A digest in SHA256SUMS that is of other bytes."""

from crafting import GOOD, bundle, payload, vector

vector(
    __file__,
    "damaged",
    "SHA-256",
    bundle(payload(GOOD))
    .replace(b"SPEC.md" + bytes(93), b"SPEC.md" + bytes(93), 1)
    .replace(b"spec" + bytes(508), b"SPEC" + bytes(508)),
)

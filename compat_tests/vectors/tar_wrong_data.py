"""Data other than the manifest's digest."""

from crafting import GOOD, bundle, payload, vector

vector(__file__, "damaged", "SHA-256", bundle(payload(GOOD).replace(b"hello", b"HELLO")))

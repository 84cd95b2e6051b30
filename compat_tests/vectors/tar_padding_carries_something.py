"""A byte in the padding behind a member, which no digest covers."""

from crafting import GOOD, bundle, payload, vector

vector(__file__, "damaged", "zeros after the data", bundle(payload(GOOD).replace(b"hello\0", b"hello!")))

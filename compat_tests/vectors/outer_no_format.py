"""A README that names no format."""

from crafting import GOOD, bundle, payload, vector

vector(__file__, "format", "does not begin with", bundle(payload(GOOD), readme=b"hello"))

"""An end that carries a byte."""

from crafting import GOOD, bundle, payload, vector

vector(__file__, "damaged", "two blocks of zeros", bundle(payload(GOOD)[:-1] + b"!"))

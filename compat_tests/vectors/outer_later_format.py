"""A bundle of a later format."""

from crafting import GOOD, bundle, payload, vector

vector(__file__, "version", "of format 2", bundle(payload(GOOD), readme=b"voice bundle, format 2\n"))

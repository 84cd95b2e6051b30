"""A payload without its blocks of zeros."""

from crafting import GOOD, bundle, payload, vector

vector(__file__, "damaged", "as the manifest adds up", bundle(payload(GOOD)[:-1024]))

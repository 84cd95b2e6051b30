"""A second payload behind the first."""

from crafting import GOOD, bundle, payload, vector

vector(__file__, "damaged", "as the manifest adds up", bundle(payload(GOOD) + payload(GOOD)))

"""A listed member that is not there."""

from crafting import END, GOOD, bundle, payload, vector

vector(__file__, "damaged", "as the manifest adds up", bundle(payload(GOOD)[: -2048 - 512] + END))

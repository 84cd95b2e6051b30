"""One byte behind the payload's end."""

from crafting import GOOD, bundle, payload, vector

vector(__file__, "damaged", "as the manifest adds up", bundle(payload(GOOD) + b"!"))

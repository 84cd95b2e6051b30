"""One byte behind the end of the file."""

from crafting import GOOD, bundle, payload, vector

vector(__file__, "damaged", "two blocks of zeros and nothing after them", (bundle(payload(GOOD)) + b"!"))

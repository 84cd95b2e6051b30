"""A name that a shell takes for an option."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "is not a name that a bundle may hold", bundle(payload([("-rf", b"x")])))

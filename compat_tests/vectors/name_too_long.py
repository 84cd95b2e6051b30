"""A part of more than 100 bytes."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "is too long for a bundle", bundle(payload([("x" * 101, b"x")])))

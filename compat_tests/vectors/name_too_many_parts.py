"""A path of 33 parts."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "has more than 32 parts", bundle(payload([("/".join("a" * 33), b"x")])))

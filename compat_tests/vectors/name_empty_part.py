"""Two slashes."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "has an empty part", bundle(payload([("a//b", b"x")])))

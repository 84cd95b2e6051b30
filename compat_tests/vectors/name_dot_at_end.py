"""A dot at the end, which Windows drops."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "ends in a dot", bundle(payload([("a.txt.", b"x")])))

"""A space that nobody sees."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "is not ASCII", bundle(payload([("a\u200b.txt", b"x")])))

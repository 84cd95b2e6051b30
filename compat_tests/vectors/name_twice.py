"""The same name twice."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "occurs twice", bundle(payload([("a", b"x"), ("a", b"y")])))

"""voice.json with a Cyrillic letter."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "is not ASCII", bundle(payload([("voi\u0441e.json", b"x")])))

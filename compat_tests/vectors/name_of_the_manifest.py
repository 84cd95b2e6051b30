"""A second manifest.json."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "occurs twice", bundle(payload([("manifest.json", b"{}")])))

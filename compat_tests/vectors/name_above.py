"""A path that leads out of the directory."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "leads out of the directory", bundle(payload([("../escaped", b"x")])))

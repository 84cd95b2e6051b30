"""A path on another machine, as Windows writes it."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "holds a backslash", bundle(payload([("\\\\server\\share\\x", b"x")])))

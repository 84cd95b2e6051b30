"""A path that leads out where a backslash is a slash."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "holds a backslash", bundle(payload([("..\\escaped", b"x")])))

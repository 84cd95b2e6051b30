"""A path from the root."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "is an absolute path", bundle(payload([("/tmp/escaped", b"x")])))

"""A path that first goes down, then out."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "leads out of the directory", bundle(payload([("a/../../escaped", b"x")])))

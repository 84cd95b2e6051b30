"""A mark that turns the rest of the name round on a screen."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "is not ASCII", bundle(payload([("a\u202etxt.exe", b"x")])))

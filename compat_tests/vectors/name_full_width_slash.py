"""A full-width slash, which some code pages turn into one."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "is not ASCII", bundle(payload([("..\uff0fescaped", b"x")])))

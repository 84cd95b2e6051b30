"""A NUL, where some readers end the name."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "holds a control character", bundle(payload([("a.txt\0.exe", b"x")])))

"""What clears the screen of whoever lists the members."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "holds a control character", bundle(payload([("a\x1b[2Jb", b"x")])))

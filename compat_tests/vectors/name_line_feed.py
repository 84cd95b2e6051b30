"""A line feed, which makes two lines of one in any list."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "holds a control character", bundle(payload([("a\nb", b"x")])))

"""Two directories that are one on Windows and Macs."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "differs from another entry only in case", bundle(payload([("D/a", b"x"), ("d/b", b"y")])))

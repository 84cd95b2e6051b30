"""A second stream behind a file, as NTFS has them."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "is not a name that a bundle may hold", bundle(payload([("a.txt:hidden", b"x")])))

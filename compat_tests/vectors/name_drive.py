"""A path on another drive of Windows."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "names a drive", bundle(payload([("C:escaped", b"x")])))

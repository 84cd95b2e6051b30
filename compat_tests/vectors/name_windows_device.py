"""A device of Windows."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "would be a device", bundle(payload([("nul", b"x")])))

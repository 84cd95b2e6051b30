"""A hidden directory."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "is hidden", bundle(payload([(".ssh/authorized_keys", b"x")])))

"""A device of Windows, whatever follows its dot."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "would be a device", bundle(payload([("a/Com1.tar.gz", b"x")])))

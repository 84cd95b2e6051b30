"""voice.json with a full-width letter, which NFKC folds."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "is not ASCII", bundle(payload([("\uff56oice.json", b"x")])))

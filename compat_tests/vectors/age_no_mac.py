"""A header without its MAC."""

from crafting import X25519, age_bundle, vector

vector(__file__, "age", "does not end within", age_bundle(X25519, b""))

"""A header of more recipients than 64 KiB hold."""

from crafting import MAC, X25519, age_bundle, vector

vector(__file__, "age", "does not end within", age_bundle(X25519 * 700 + MAC))

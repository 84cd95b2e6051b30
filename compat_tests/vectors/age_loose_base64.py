"""Base64 with bits left over, which readers drop or do not."""

from crafting import MAC, X25519, age_bundle, vector

vector(__file__, "age", "base64", age_bundle(X25519.replace(b"A" * 43 + b"\n", b"A" * 42 + b"B\n", 1) + MAC))

"""A line of more than 64 columns."""

from crafting import MAC, age_bundle, vector

vector(__file__, "age", "more than 64 columns", age_bundle(b"-> X25519 " + b"A" * 43 + b"\n" + b"A" * 65 + b"\n" + MAC))

"""A passphrase beside a recipient."""

from crafting import MAC, X25519, age_bundle, vector

vector(
    __file__,
    "age",
    "must be the only recipient",
    age_bundle(X25519 + b"-> scrypt " + b"A" * 22 + b" 10\n" + b"A" * 43 + b"\n" + MAC),
)

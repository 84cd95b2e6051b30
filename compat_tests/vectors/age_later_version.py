"""A header of another version of age."""

from crafting import MAC, X25519, bundle, vector

vector(
    __file__,
    "age",
    "does not begin as an age v1 file",
    bundle(b"age-encryption.org/v2\n" + X25519 + MAC + bytes(48), name=b"payload.tar.age"),
)

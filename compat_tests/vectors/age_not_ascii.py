"""A recipient of a type that is not ASCII."""

from crafting import MAC, age_bundle, vector

vector(__file__, "age", "not visible ASCII", age_bundle("-> X2551\uff19 A\n\n".encode() + MAC))

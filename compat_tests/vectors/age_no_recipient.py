"""A header that names nobody."""

from crafting import MAC, age_bundle, vector

vector(__file__, "age", "names no recipient", age_bundle(MAC))

"""A zip."""

from crafting import stored_zip, vector

vector(__file__, "format", "not a bundle", stored_zip({"../escaped": b"x"}))

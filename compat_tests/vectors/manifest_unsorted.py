"""Entries in another order than their paths'."""

from crafting import bundle, payload, vector

vector(__file__, "format", "not sorted", bundle(payload([("b", b"x"), ("a", b"y")])))

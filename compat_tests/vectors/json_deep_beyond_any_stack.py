"""Brackets beyond the stack of any reader that calls itself."""

from crafting import vector

vector(__file__, "file", "nested more than 64 deep", (b"[" * 5000), reads="json")

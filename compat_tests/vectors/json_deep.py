"""65 lists in each other."""

from crafting import vector

vector(__file__, "file", "nested more than 64 deep", (b"[" * 65 + b"]" * 65), reads="json")

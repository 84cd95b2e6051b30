"""A record without its line end."""

from crafting import signed, vector

vector(__file__, "custody", "it does not end", signed(b"custody.jsonl", b"{}"), reads="signed")

"""A record of brackets in brackets."""

from crafting import signed, vector

vector(__file__, "custody", "nested more than 32 deep", signed(b"custody.jsonl", b"[" * 5000 + b"\n"), reads="signed")

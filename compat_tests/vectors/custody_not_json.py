"""A chain of custody that is no JSON."""

from crafting import signed, vector

vector(__file__, "custody", "is not JSON", signed(b"custody.jsonl", b"yesterday\n"), reads="signed")

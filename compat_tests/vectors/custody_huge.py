"""A chain of custody of more than a reader takes into memory."""

from crafting import signed, vector

vector(__file__, "format", "at most 16777216", signed(b"custody.jsonl", b"\n" * (17 << 20)), reads="signed")

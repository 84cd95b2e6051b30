"""5 MiB of empty lines."""

from crafting import signed, vector

vector(__file__, "custody", "at most 4194304", signed(b"custody.jsonl", b"\n" * (5 << 20)), reads="signed")

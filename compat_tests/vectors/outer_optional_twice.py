"""A chain of custody twice."""

from crafting import signed, vector

vector(__file__, "format", "must stand", signed(b"custody.jsonl", b"{}\n", twice=True), reads="signed")

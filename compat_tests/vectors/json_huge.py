"""17 MiB of JSON."""

from crafting import vector

vector(__file__, "file", "at most", (b'{"a": "' + b"x" * (17 << 20) + b'"}'), reads="json")

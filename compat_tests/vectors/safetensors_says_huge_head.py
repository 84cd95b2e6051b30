"""A head that says it has 2^63 bytes."""

from crafting import vector

vector(__file__, "voice", "is shorter than its head says", (b"\0" * 7 + b"\x80" + b"{}"), reads="weights")

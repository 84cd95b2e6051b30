"""A record with a key twice."""

from crafting import signed, vector

vector(
    __file__,
    "custody",
    "the key 'record' twice",
    signed(b"custody.jsonl", b'{"record":{},"record":{}}\n'),
    reads="signed",
)

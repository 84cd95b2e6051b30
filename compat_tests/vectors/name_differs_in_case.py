"""Two names that are one on Windows and Macs."""

from crafting import bundle, payload, vector

vector(
    __file__, "unsafe", "differs from another entry only in case", bundle(payload([("A.txt", b"x"), ("a.txt", b"y")]))
)

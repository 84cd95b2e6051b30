"""A whole with a path that leads out of the destination."""

from crafting import delta, manifest, vector

vector(__file__, "unsafe", "leads out", delta(whole=manifest([("../evil", b"hello")])), reads="delta")

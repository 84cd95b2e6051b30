"""A file that would have to be a directory as well."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "lies below an entry that is a file", bundle(payload([("a", b"x"), ("a/b", b"y")])))

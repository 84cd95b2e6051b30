"""A letter and its accent apart: one file on a Mac, two on Linux."""

from crafting import bundle, payload, vector

vector(__file__, "unsafe", "is not ASCII", bundle(payload([("ane\u0301.txt", b"x")])))

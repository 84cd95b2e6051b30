"""A header whose name looks like a.txt, with a Cyrillic letter."""

from crafting import bundle, tar_header, vector, with_a

vector(__file__, "format", "may look like others", bundle(with_a(tar_header("\u0430.txt".encode(), 5))))

"""A payload that begins with a member."""

from crafting import END, bundle, tar_entry, vector

vector(__file__, "format", "instead of manifest.json", bundle(tar_entry(b"a.txt", b"hello") + END))

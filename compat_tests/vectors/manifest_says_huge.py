"""A manifest that says it has 5 GiB."""

from crafting import END, bundle, tar_header, vector

vector(__file__, "format", "at most", bundle(tar_header(b"manifest.json", 5 << 30) + END))

"""15 KB that unpack to 100 MB."""

import lzma

from crafting import vector

vector(__file__, "file", "unpacks to more than 64 MiB", lzma.compress(bytes(100 << 20), preset=1), reads="packed")

"""Something behind what was packed."""

import lzma

from crafting import HARMFUL_PICKLE, vector

vector(__file__, "file", "behind what was packed", (lzma.compress(b"x") + HARMFUL_PICKLE), reads="packed")

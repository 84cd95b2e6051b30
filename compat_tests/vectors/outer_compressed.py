"""A bundle in gzip: nobody unpacks what was compressed, so nothing can grow."""

import gzip

from crafting import vector

vector(__file__, "format", "not a bundle", gzip.compress(bytes(1 << 20), mtime=0))

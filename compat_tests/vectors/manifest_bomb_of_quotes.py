"""4 MiB of quotes in a text that does not end: whoever begins anew at each of them never ends either."""

from crafting import bundle, vector, with_manifest

vector(__file__, "format", "is not JSON", bundle(with_manifest(b'["' + b'\\"' * 2_090_000)))

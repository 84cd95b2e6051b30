"""4 MiB of empty lists: 1.4 million objects in memory."""

from crafting import bundle, vector, with_manifest

vector(__file__, "format", "is no JSON object", bundle(with_manifest(b"[" + b"[]," * 1_398_000 + b"[]]")))

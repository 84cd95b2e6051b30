"""Brackets beyond the stack of any reader that calls itself."""

from crafting import bundle, vector, with_manifest

vector(__file__, "format", "nested more than 32 deep", bundle(with_manifest(b"[" * 5000 + b"]" * 5000)))

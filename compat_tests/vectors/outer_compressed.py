"""A bundle in gzip: nobody unpacks what was compressed, so nothing can grow."""

from crafting import vector

vector(__file__, "format", "not a bundle", (b"\x1f\x8b\x08" + bytes(7) + b"\x01\x05\x00\xfa\xffhello" + bytes(1024)))

"""A passphrase stanza that asks for 2^30 rounds: a terabyte of memory."""

from crafting import MAC, age_bundle, vector

vector(__file__, "age", "work factor is 30", age_bundle(b"-> scrypt " + b"A" * 22 + b" 30\n" + b"A" * 43 + b"\n" + MAC))

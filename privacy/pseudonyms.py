"""Pseudonyms: one person, one word, and no way from the word to the person without the key.

Knows no files. HMAC-SHA-256 (RFC 2104) of the name under a key that stays on the maker's machine: a plain hash of a
name is no pseudonym, since names can be guessed. The same person has the same pseudonym in all voices of one home, and
another one elsewhere.

    pseudonym(key, "Ada  Lovelace") == pseudonym(key, "ada lovelace") == "speaker-5f0c..."
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata

KEY_BYTES = 32
PSEUDONYM = re.compile(r"speaker-[0-9a-f]{16}")


def pseudonym(key: bytes, name: str) -> str:
    """The word for *name*, however it is spaced and capitalised; what is a pseudonym already stays what it is."""
    if PSEUDONYM.fullmatch(name):
        return name
    plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    return "speaker-" + hmac.new(key, plain.encode(), hashlib.sha256).hexdigest()[:16]

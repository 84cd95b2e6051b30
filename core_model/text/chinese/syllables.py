"""A syllable of Pinyin to the two symbols of the phoneme table: how it begins, how it ends with its tone.

    zhi4 → zh ir4    jue2 → j ve2    yan3 → y En3    er2 → EE er2    ai4 → AA ai4

Knows nothing of characters. The table (symbols.py) spells a syllable in the manner of the Opencpop corpus: what begins
with a vowel gets AA, EE or OO before it, ü after j, q, x and y is v, the vowel of zhi is ir and that of zi is i0.
"""

from __future__ import annotations

from functools import cache

from core_model.text.symbols import V1

_KNOWN = frozenset(V1)
_SPELLED_WITH_U = {"u": "v", "ue": "ve", "un": "vn", "uan": "van"}  # after j, q, x, y it is ü
_AFTER_Y = {"e": "E", "an": "En", **_SPELLED_WITH_U}
_WITHOUT_VOWEL = {
    "m": "mu",
    "n": "en",
    "ng": "en",
    "hm": "hen",
    "hng": "heng",
    "ê": "ei",
}  # interjections; 呣 is mu too


@cache
def symbols(sound: str, tone: int) -> tuple[str, str] | None:
    """The two symbols of a syllable; None if the table has no way to write it."""
    sound = _WITHOUT_VOWEL.get(sound, sound)
    begin = sound[:2] if sound[:2] in ("zh", "ch", "sh") else sound[:1]
    end = sound[len(begin) :]
    if begin in ("a", "e", "o"):
        begin, end = begin.upper() * 2, sound
    elif begin == "y":
        end = _AFTER_Y.get(end, end)
    elif begin in ("j", "q", "x"):
        end = _SPELLED_WITH_U.get(end, end)
    elif begin in ("n", "l") and end == "ue":
        end = "ve"
    elif end == "i" and begin in ("zh", "ch", "sh", "r"):
        end = "ir"
    elif end == "i" and begin in ("z", "c", "s"):
        end = "i0"
    end = f"{end}{tone}"
    return (begin, end) if begin in _KNOWN and end in _KNOWN else None

"""Marks behind syllables whose sound follows their part of speech, which korean_numbers.py and korean_sounds.py read.

Knows what to mark and nothing of what follows from it. The marks are private characters: no text means anything by
them, and `marked` is given none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from core_model.text.korean_morphemes import Morpheme

STEM = "\ue000"  # behind the stem of a verb or adjective that ends in one of the codas below
ENDING = "\ue001"  # behind an ending in ㄹ, as in 할
COUNTER = "\ue002"  # behind a noun that counts, as in 3개
ALL = STEM + ENDING + COUNTER

_STEM_CODAS = "ᆫᆬᆷᆱᆰᆲᆴ"
_ENDING_CODA = "ᆯ"


def marked(text: str, morphemes: Sequence[Morpheme]) -> str:
    """*text* with its marks; without any where the analyser left out more than spaces (a line break, a tab)."""
    if text.replace(" ", "") != "".join(morpheme.surface for morpheme in morphemes):
        return text
    pieces, place = [], 0
    for morpheme in morphemes:
        end = text.index(morpheme.surface, place) + len(morpheme.surface)
        pieces += [text[place:end], _mark(morpheme)]
        place = end
    return "".join(pieces) + text[place:]


def _mark(morpheme: Morpheme) -> str:
    part = morpheme.tag.rpartition("+")[2]
    last = unicodedata.normalize("NFD", morpheme.surface[-1])[-1]
    if part == "NNBC":
        return COUNTER
    if part.startswith("E") and last == _ENDING_CODA:
        return ENDING
    if part.startswith("V") and last in _STEM_CODAS:
        return STEM
    return ""

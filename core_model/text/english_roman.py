"""Roman numerals in English text: a number after "Chapter", a rank after a ruler's name.

"World War II" -> "World War two", "Henry VIII" -> "Henry the eighth". Only from II to XXXIX, only in capitals, only
after a capitalised word: a lone I, V or X is a letter. Text in, text out; knows nothing of phonemes.
"""

from __future__ import annotations

import re

from core_model.text import numbers

_RULERS = """Alexander Alfonso Benedict Catherine Charles Christian Clement Edward Elizabeth Ferdinand Francis Frederick
    George Gregory Gustav Harald Haakon Henry Ivan James John Joseph Leo Leopold Louis Ludwig Margrethe Mary Maximilian
    Napoleon Nicholas Olav Otto Paul Peter Philip Philippe Pius Ptolemy Rama Ramses Richard Sigismund Sixtus
    Stephen Urban Victor Vittorio Wilhelm William"""
_NAMES = frozenset(_RULERS.split())
_VALUES = {"I": 1, "V": 5, "X": 10}
_NUMERAL = re.compile(r"\b([A-Z][a-z]+) (?=[XVI]{2,}\b)(X{0,3}(?:IX|IV|V?I{0,3}))(?![A-Za-z]|['.]\w)")
_SINGLE = re.compile(r"\b(Chapter|Part|Volume|Act|Scene|Book|Section|Phase|Type|Class|Level|Henry|Charles) ([VX])\b")


def spell_roman(text: str) -> str:
    """*text* with Roman numerals in words."""
    return _SINGLE.sub(_spell, _NUMERAL.sub(_spell, text))


def _spell(found: re.Match[str]) -> str:
    value = 0
    for letter, following in zip(found[2], found[2][1:] + " ", strict=True):
        larger = _VALUES.get(following, 0) > _VALUES[letter]
        value += -_VALUES[letter] if larger else _VALUES[letter]
    if found[1] in _NAMES:
        return f"{found[1]} the {numbers.ordinal(str(value))}"
    return f"{found[1]} {numbers.cardinal(str(value))}"

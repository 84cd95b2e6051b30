"""How Chinese characters sound: a syllable of Hanyu Pinyin and a tone for each, phrases before single characters.

    zh.phrases.txt      银行 yín háng       a phrase and its syllables, apart by spaces
    zh.readings.txt     行 xíng             a character and its usual syllable

    银行 → (yin, 2) (hang, 2)

Knows nothing of words as a listener hears them (segmentation.py) or of tones that change (tone_sandhi.py). A stretch is
cut into the longest phrases from the left, as pypinyin does, whose tables these are (MIT).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_TONES = {"\u0304": 1, "\u0301": 2, "\u030c": 3, "\u0300": 4}
_DIAERESIS, _CIRCUMFLEX = "\u0308", "\u0302"
NEUTRAL = 5


class Syllable(NamedTuple):
    """One character's sound; a punctuation mark is itself, with tone 0."""

    sound: str  # Pinyin without its tone; v for ü
    tone: int  # 1 to 4, 5 for the neutral one


class Readings:
    """Made of the contents of zh.phrases.txt and zh.readings.txt."""

    def __init__(self, phrases: str, characters: str) -> None:
        self._take(_table(phrases), _table(characters))

    def _take(self, phrases: dict[str, str], characters: dict[str, str]) -> None:
        self._phrases, self._characters = phrases, characters
        self._beginnings = {phrase[:end] for phrase in phrases for end in range(1, len(phrase))}

    def corrected(self, corrections: str) -> Readings:
        """The same with other readings of some characters and phrases, which stand in *corrections* together."""
        others = _table(corrections)
        made = Readings("", "")
        made._take(
            self._phrases | {phrase: spelled for phrase, spelled in others.items() if len(phrase) > 1},
            self._characters | {character: spelled for character, spelled in others.items() if len(character) == 1},
        )
        return made

    def of(self, text: str) -> list[Syllable]:
        """The syllable of each character of *text*; a character without one stands for itself."""
        found: list[Syllable] = []
        for phrase in self._cut(text):
            spelled = self._phrases.get(phrase) or self._characters.get(phrase)
            found += map(parse_syllable, spelled.split(" ")) if spelled else [Syllable(phrase, 0)]
        return found

    def _cut(self, text: str) -> Iterator[str]:
        start = 0
        while start < len(text):
            longest, end = start + 1, start + 1
            while end <= len(text) and (text[start:end] in self._beginnings or text[start:end] in self._phrases):
                if text[start:end] in self._phrases:
                    longest = end
                end += 1
            yield text[start:longest]
            start = longest


def _table(lines: str) -> dict[str, str]:
    pairs = (line.partition(" ") for line in lines.splitlines() if not line.startswith("#"))
    return {key: spelled for key, _, spelled in pairs}


@lru_cache(maxsize=4096)
def parse_syllable(spelled: str) -> Syllable:
    """A syllable as it is written with its tone mark: `lǜ`."""
    sound, tone = "", NEUTRAL
    for letter in unicodedata.normalize("NFD", spelled):
        if letter in _TONES:
            tone = _TONES[letter]
        elif letter == _DIAERESIS:
            sound = sound[:-1] + "v"
        elif letter == _CIRCUMFLEX:
            sound = sound[:-1] + "ê"
        else:
            sound += letter
    return Syllable(sound, tone)

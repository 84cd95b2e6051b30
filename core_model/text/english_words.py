"""One English word to phonemes: dictionary, spelling out, possessives, compounds, and the network for the rest.

Knows nothing of the sentence: english_homographs.py decides what a word is in it, before this is asked. The order of
the steps is upstream's (GPT-SoVITS), so that its voices hear what they were trained on.
"""

from __future__ import annotations

import re

from core_model.text.english_word_counts import WordCounts
from core_model.text.unknown_words import UnknownWords

_SPELLED_UP_TO = 3  # letters; a shorter word that no dictionary holds is spelled out
_SHORTEST_PART = 3  # letters of a part of a compound, these aside:
_SHORT_PARTS = "an as at be by do go he if in is it me my no of off on or so to up us we am pm"
_MOST_PARTS = 4  # a word that falls into more is no compound but a name, and the network does better
_LONGEST_COMPOUND = 40
_VOICELESS = "P T K F TH HH"
_SIBILANT = "S Z SH ZH CH JH"
_ENDINGS = {
    "'ve": ("AH0", "V"),
    "'d": ("AH0", "D"),
    "'ll": ("AH0", "L"),
    "'re": ("ER0",),
}  # of a word like shouldn't've
Pronunciations = dict[str, tuple[str, ...]]


class Words:
    """Words to phonemes, from a dictionary and a network; with *counts* as upstream cuts words, else with care."""

    def __init__(self, dictionary: Pronunciations, unknown: UnknownWords, counts: WordCounts | None = None) -> None:
        self._dictionary = dictionary
        self._unknown = unknown
        self._counts = counts
        self._voiceless, self._sibilant = frozenset(_VOICELESS.split()), frozenset(_SIBILANT.split())
        self._short_parts = frozenset(_SHORT_PARTS.split())
        self._longest = max(map(len, dictionary), default=0)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and word.lower() in self._dictionary

    def letter(self, letter: str) -> tuple[str, ...]:
        """How a single letter is said in a sentence: the capital is always a letter's name, "a" is the article."""
        return ("EY1",) if letter == "A" else self._dictionary.get(letter.lower(), ())

    def pronounce(self, word: str) -> tuple[str, ...]:
        """Phonemes of *word* (Latin letters, apostrophes, hyphens). Empty only if no letter is in it."""
        word = word.lower()
        if len(word) > 1 and word in self._dictionary:
            return self._dictionary[word]
        if len(word) <= _SPELLED_UP_TO:
            return self._spell(word)
        if re.fullmatch(r"[a-z]+'s", word):
            return self._possessive(self.pronounce(word[:-2]))
        if self._counts is not None:
            return self._likeliest(word, self._counts)
        if "-" in word:
            return tuple(phoneme for part in word.split("-") for phoneme in self.pronounce(part))
        if "'" in word:
            return self._contraction(word)
        parts = self.split(re.sub(r"[^a-z]", "", word))
        if len(parts) > 1:
            return tuple(phoneme for part in parts for phoneme in self.pronounce(part))
        return tuple(self._unknown.pronounce(word)) or self._spell(word)

    def _likeliest(self, word: str, counts: WordCounts) -> tuple[str, ...]:
        parts = counts.split(word)
        if len(parts) > 1:
            return tuple(phoneme for part in parts for phoneme in self.pronounce(part))
        return tuple(self._unknown.pronounce(word)) or self._spell(word)

    def _spell(self, word: str) -> tuple[str, ...]:
        names = (("EY1",) if letter == "a" else self._dictionary.get(letter, ()) for letter in word)
        return tuple(phoneme for name in names for phoneme in name)

    def _possessive(self, owner: tuple[str, ...]) -> tuple[str, ...]:
        if owner and owner[-1] in self._voiceless:
            return (*owner, "S")
        if owner and owner[-1] in self._sibilant:
            return (*owner, "AH0", "Z")
        return (*owner, "Z")

    def _contraction(self, word: str) -> tuple[str, ...]:
        start, mark, rest = word.rpartition("'")
        ending = _ENDINGS.get(mark + rest)
        if ending is None or not start:
            return self.pronounce(word.replace("'", ""))
        return (*self.pronounce(start), *ending)

    def split(self, word: str) -> list[str]:
        """*word* as a compound of dictionary words: the fewest parts, then the longest shortest part; else itself."""
        if len(word) > _LONGEST_COMPOUND:
            return [word]
        best: list[tuple[int, int, list[str]] | None] = [(0, -len(word), [])] + [None] * len(word)
        for end in range(1, len(word) + 1):
            for start in range(max(0, end - self._longest), end):
                before, part = best[start], word[start:end]
                if before is None or before[0] == _MOST_PARTS or not self._is_part(part):
                    continue
                candidate = (before[0] + 1, max(before[1], -len(part)), [*before[2], part])
                known = best[end]
                if known is None or candidate < known:
                    best[end] = candidate
        found = best[-1]
        return found[2] if found is not None else [word]

    def _is_part(self, part: str) -> bool:
        return part in self._short_parts or (len(part) >= _SHORTEST_PART and part in self._dictionary)

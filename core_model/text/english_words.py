"""One English word to phonemes: dictionary, spelling out, possessives, compounds, and the network for the rest.

Knows nothing of the sentence: english_homographs.py decides what a word is in it, before this is asked. The order of the
steps is upstream's (GPT-SoVITS), so that its voices hear what they were trained on.
"""

from __future__ import annotations

import re
from functools import lru_cache

from core_model.text.unknown_words import UnknownWords

_SPELLED_UP_TO = 3  # letters; a shorter word that no dictionary holds is spelled out
_SHORTEST_PART = 3  # letters of a part of a compound, these aside:
_SHORT_PARTS = frozenset("a an as at be by do go he if in is it me my no of off on or so to up us we am pm".split())
_LONGEST_COMPOUND = 40
_VOICELESS = frozenset("P T K F TH HH".split())
_SIBILANT = frozenset("S Z SH ZH CH JH".split())

Pronunciations = dict[str, tuple[str, ...]]


class Words:
    """Words to phonemes, from a dictionary and a network."""

    def __init__(self, dictionary: Pronunciations, unknown: UnknownWords) -> None:
        self._dictionary = dictionary
        self._unknown = unknown
        self._longest = max(map(len, dictionary), default=0)

    def __contains__(self, word: str) -> bool:
        return word.lower() in self._dictionary

    def letter(self, letter: str) -> tuple[str, ...]:
        """How a single letter is said in a sentence: the capital is always a letter's name, "a" is the article."""
        return ("EY1",) if letter == "A" else self._dictionary.get(letter.lower(), ())

    def pronounce(self, word: str) -> tuple[str, ...]:
        """Phonemes of *word* (letters, apostrophes, hyphens, stops). Empty only if no letter is in it."""
        return self._pronounce(word.lower())

    @lru_cache(maxsize=4096)  # noqa: B019  # one front end lives as long as its process
    def _pronounce(self, word: str) -> tuple[str, ...]:
        if len(word) > 1 and word in self._dictionary:
            return self._dictionary[word]
        if len(word) <= _SPELLED_UP_TO:
            return self._spell(word)
        if re.fullmatch(r"[a-z]+'s", word):
            return self._possessive(self._pronounce(word[:-2]))
        parts = self.split(re.sub(r"[^a-z]", "", word))
        if len(parts) > 1:
            return tuple(phoneme for part in parts for phoneme in self._pronounce(part))
        return tuple(self._unknown.pronounce(word)) or self._spell(word)

    def _spell(self, word: str) -> tuple[str, ...]:
        letters = ("EY1",) if word == "a" else ()
        for letter in word if not letters else "":
            letters += ("EY1",) if letter == "a" else self._dictionary.get(letter, ())
        return letters

    @staticmethod
    def _possessive(owner: tuple[str, ...]) -> tuple[str, ...]:
        if owner and owner[-1] in _VOICELESS:
            return (*owner, "S")
        if owner and owner[-1] in _SIBILANT:
            return (*owner, "AH0", "Z")
        return (*owner, "Z")

    def split(self, word: str) -> list[str]:
        """*word* as a compound of dictionary words: the fewest parts, then the longest shortest part; else itself."""
        if len(word) > _LONGEST_COMPOUND:
            return [word]
        best: list[tuple[int, int, list[str]] | None] = [(0, -len(word), [])] + [None] * len(word)
        for end in range(1, len(word) + 1):
            for start in range(max(0, end - self._longest), end):
                before, part = best[start], word[start:end]
                if before is None or not self._is_part(part):
                    continue
                candidate = (before[0] + 1, max(before[1], -len(part)), [*before[2], part])
                known = best[end]
                if known is None or candidate < known:
                    best[end] = candidate
        found = best[-1]
        return found[2] if found is not None else [word]

    def _is_part(self, part: str) -> bool:
        return part in _SHORT_PARTS or (len(part) >= _SHORTEST_PART and part in self._dictionary)

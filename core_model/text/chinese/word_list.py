"""The words of Chinese with how often they occur and what part of speech they are, looked up by first character.

    zh.words.xz: three stretches of equally many lines, a line per first character, sorted:
        一 丁点 不做二不休 ...      the character, then what follows it in each word ("" for the character alone)
        217830 87 12 ...            how often each occurs
        m m i ...                   what each is

Knows nothing of sentences; segmentation.py cuts them. The words are those of jieba 0.42.1 (MIT). A first character's
words are parsed when they are first asked for, so that loading costs a tenth of a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from core_model.strict.packed_files import unpack

_TOTAL = 60_101_967  # occurrences of all words together, as jieba counts them
LOG_TOTAL = math.log(_TOTAL)


@dataclass(frozen=True, slots=True)
class _Family:
    """The words of one first character, by what follows it."""

    log_counts: dict[str, float]  # only words that occur; 0 occurrences are beginnings only
    tags: dict[str, str]
    beginnings: frozenset[str]


_NOBODY = _Family({}, {}, frozenset())


class WordList:
    """Made of the content of zh.words.xz."""

    def __init__(self, content: bytes) -> None:
        lines = unpack(content, "text/zh.words.xz").decode().split("\n")
        families = len(lines) // 3
        self._lines = lines
        self._rows = {line[0]: row for row, line in enumerate(lines[:families])}
        self._families = families
        self._parsed: dict[str, _Family] = {}

    def ends(self, text: str, start: int) -> list[tuple[int, float]]:
        """Where each word of *text* that begins at *start* ends, with the logarithm of its count; itself if none."""
        family = self._family(text[start])
        found = []
        for end in range(start + 1, len(text) + 1):
            rest = text[start + 1 : end]
            if rest in family.log_counts:
                found.append((end, family.log_counts[rest]))
            if rest not in family.beginnings:
                break
        return found or [(start + 1, 0.0)]

    def occurs(self, word: str) -> bool:
        """Whether *word* is a word of the list that occurs at all."""
        return word[1:] in self._family(word[0]).log_counts

    def tag(self, word: str) -> str:
        """The part of speech of *word*; `x` if the list does not know it."""
        return self._family(word[0]).tags.get(word[1:], "x")

    def _family(self, first: str) -> _Family:
        if first not in self._rows:
            return _NOBODY
        if first not in self._parsed:
            self._parsed[first] = self._parse(self._rows[first])
        return self._parsed[first]

    def _parse(self, row: int) -> _Family:
        rests = self._lines[row][1:].split(" ")
        counts = self._lines[row + self._families].split(" ")
        tags = self._lines[row + 2 * self._families].split(" ")
        occurring = {rest: math.log(int(count)) for rest, count in zip(rests, counts, strict=True) if count != "0"}
        beginnings = frozenset(rest[:end] for rest in rests for end in range(len(rest)))
        return _Family(occurring, dict(zip(rests, tags, strict=True)), beginnings)

"""An unknown English word cut into the words it is most likely made of, by how often each word is seen on the web.

"biketrail" -> bike trail. What wordsegment 1.3.1 does (Grant Jenks, Apache-2.0; Norvig, "Natural Language Corpus Data",
2009), whose counts these are: GPT-SoVITS reads every word that it does not know this way, so its voices expect it, also
where it is wrong ("km/h" -> kilometers h). Knows nothing of sounds.

The likeliest cut has the largest product of P(word | word before); a word never seen counts 10 / (all * 10^letters).
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from core_model.errors import VoiceError
from core_model.strict.packed_files import unpack

_ALL = 1024908267229.0  # words counted
_LONGEST = 24  # letters
_CHUNK = 250  # letters looked at together; the last words of a chunk are cut again with the next
_CARRIED = 5  # words
_BROKEN = "text/en.word_counts.xz"


class WordCounts:
    """The counts: lines of `word`, or `word word`, tab, count, sorted as bytes; *content* is that, xz-compressed.

    It is unpacked when a word is first asked for, and VoiceError is raised then if it is something else.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    @cached_property
    def _lines(self) -> bytes:
        lines = b"\n" + unpack(self._content, _BROKEN)
        if not lines.endswith(b"\n"):
            raise VoiceError(_BROKEN, "is cut short")
        return lines

    @cached_property
    def _starts(self) -> list[int]:
        ends = np.flatnonzero(np.frombuffer(self._lines, np.uint8) == ord("\n"))
        return [int(end) + 1 for end in ends[:-1]]

    def split(self, word: str) -> list[str]:
        """The words that *word* (a-z; anything else is skipped) is made of."""
        letters = "".join(letter for letter in word.lower() if letter in "abcdefghijklmnopqrstuvwxyz")
        found: list[str] = []
        carried = ""
        for start in range(0, len(letters), _CHUNK):
            words = self._best(carried + letters[start : start + _CHUNK])
            carried = "".join(words[-_CARRIED:])
            found += words[:-_CARRIED]
        return found + self._best(carried)

    def _best(self, text: str) -> list[str]:
        """Words of *text*, from its end to its start: the best rest after each place, for each word before it."""
        alone = {
            text[start:end]: self._count(text[start:end])
            for start in range(len(text))
            for end in range(start + 1, min(len(text), start + _LONGEST) + 1)
        }
        rest: dict[tuple[int, int], tuple[float, list[str]]] = {
            (len(text), start): (0.0, []) for start in range(len(text) + 1)
        }
        for place in range(len(text) - 1, -1, -1):
            for before in range(max(0, place - _LONGEST), place) if place else (0,):
                candidates = []
                for end in range(place + 1, min(len(text), place + _LONGEST) + 1):
                    score, words = rest[end, place]
                    word = text[place:end]
                    here = math.log10(self._probability(word, text[before:place], alone))
                    candidates.append((here + score, [word, *words]))
                rest[place, before] = max(candidates)
        return rest[0, 0][1]

    def _probability(self, word: str, before: str, alone: dict[str, float | None]) -> float:
        here = alone[word]
        if here is None:
            return 10.0 / (_ALL * 10.0 ** len(word))
        earlier = alone.get(before)
        pair = None if earlier is None else self._count(f"{before} {word}")  # of words that the table has alone, too
        return here / _ALL if pair is None or earlier is None else pair / _ALL / (earlier / _ALL)

    def _count(self, words: str) -> float | None:
        wanted = words.encode() + b"\t"
        low, high = 0, len(self._starts)
        while low < high:
            middle = (low + high) // 2
            start = self._starts[middle]
            if self._lines[start : start + len(wanted)] < wanted:
                low = middle + 1
            else:
                high = middle
        start = self._starts[low] if low < len(self._starts) else len(self._lines)
        if self._lines[start : start + len(wanted)] != wanted:
            return None
        count = self._lines[start + len(wanted) : self._lines.index(b"\n", start)]
        if not count.isdigit() or not int(count):
            raise VoiceError(_BROKEN, f"has no count of {words!r}")
        return float(count)

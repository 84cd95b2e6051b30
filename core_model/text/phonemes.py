"""What the front end gives: phonemes, with the ids a voice's network reads and the places where a word ends.

Knows nothing of languages or of how a text becomes phonemes; symbols.py decides which phoneme has which id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from core_model.errors import UnknownPhonemeError
from core_model.text.symbols import PUNCTUATION, V1, V2

TABLES = {"v1": V1, "v2": V2}


@dataclass(frozen=True, slots=True)
class Spelled:
    """What one language makes of a text in it, before the door joins and frames it."""

    symbols: tuple[str, ...]
    normalised: str  # the text as it was read, numbers and signs spelled out
    phonemes_per_character: tuple[int, ...] | None = None  # zh, yue: for each character of `normalised`, how many


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of an utterance that was read in one language: its part of `symbols`, so that word features fit it."""

    language: str
    normalised: str
    phonemes_per_character: tuple[int, ...] | None
    count: int  # phonemes


@dataclass(frozen=True, slots=True)
class Phonemes:
    """One utterance, ready for the networks. The first three tuples have the same length."""

    symbols: tuple[str, ...]
    ids: tuple[int, ...]  # rows of symbols.V2; where a row lies below 322, also of symbols.V1
    word_ends: tuple[bool, ...]  # True on the last phoneme of a word and on every punctuation mark: a pause may follow
    normalised: str  # the text as it was read, numbers and abbreviations spelled out
    segments: tuple[Segment, ...] = ()  # in order; their counts sum to the length; () where phonemes were given
    dropped: tuple[str, ...] = ()  # pieces of the text that could not be spoken, as they stood

    def __len__(self) -> int:
        return len(self.symbols)


NOTHING = Spelled((), "")
NO_PHONEMES = Phonemes((), (), (), "")


@cache
def _rows(table: str) -> dict[str, int]:
    return {symbol: row for row, symbol in enumerate(TABLES[table])}


def from_words(words: Iterable[Iterable[str]], normalised: str) -> Phonemes:
    """Join words, each given as its phonemes (a punctuation mark is a word of its own).

    Raises UnknownPhonemeError for a symbol outside the table.
    """
    symbols: list[str] = []
    word_ends: list[bool] = []
    for word in words:
        for symbol in word:
            symbols.append(symbol)
            word_ends.append(symbol in PUNCTUATION)
        if word_ends:
            word_ends[-1] = True
    return Phonemes(tuple(symbols), ids_of(symbols), tuple(word_ends), normalised)


def of_spelled(spelled: Spelled, language: str, table: str) -> Phonemes:
    """What one language spelled, as one segment; where it knows its characters, each of them ends a word.

    Raises UnknownPhonemeError for a symbol outside the table.
    """
    symbols = spelled.symbols
    ends = {len(symbols) - 1}
    if spelled.phonemes_per_character is not None:
        ends |= {end - 1 for end in accumulate(spelled.phonemes_per_character) if end}
    word_ends = tuple(place in ends or symbol in PUNCTUATION for place, symbol in enumerate(symbols))
    segment = Segment(language, spelled.normalised, spelled.phonemes_per_character, len(symbols))
    return Phonemes(symbols, ids_of(symbols, table), word_ends, spelled.normalised, (segment,))


def joined(parts: Iterable[Phonemes], dropped: tuple[str, ...] = ()) -> Phonemes:
    """The parts as one utterance, with what was dropped from each and *dropped* besides."""
    parts = tuple(parts)
    return Phonemes(
        symbols=tuple(symbol for part in parts for symbol in part.symbols),
        ids=tuple(row for part in parts for row in part.ids),
        word_ends=tuple(end for part in parts for end in part.word_ends),
        normalised="".join(part.normalised for part in parts),
        segments=tuple(segment for part in parts for segment in part.segments),
        dropped=tuple(piece for part in parts for piece in part.dropped) + dropped,
    )


def ids_of(symbols: Iterable[str], table: str = "v2") -> tuple[int, ...]:
    """Rows of the table for *symbols*; UnknownPhonemeError names the first that has none."""
    rows = _rows(table)
    found = []
    for symbol in symbols:
        if symbol not in rows:
            raise UnknownPhonemeError(symbol)
        found.append(rows[symbol])
    return tuple(found)


def symbols_of(ids: Iterable[int]) -> tuple[str, ...]:
    """The inverse of `ids_of`; UnknownPhonemeError for an id outside the table (a negative one too)."""
    found = []
    for row in ids:
        if not 0 <= row < len(V2):
            raise UnknownPhonemeError(str(row))
        found.append(V2[row])
    return tuple(found)

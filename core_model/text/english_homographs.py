"""Words spelled alike and spoken differently: which sound is meant here, from the words around it.

"They record a record." The table (`en.homographs.txt`) gives each such word two sounds and the part of speech that picks the
first. Upstream asks a tagger; this asks the neighbours, which gets the plain cases right and no others. Knows nothing of
the other words' sounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_BEFORE_VERB = frozenset(
    "to will would shall should can could may might must do does did don't doesn't didn't won't can't cannot not "
    "i you we they who let's please and".split()
)
_BEFORE_NOUN = frozenset(
    "a an the this that these those my your his her its our their some any no every each of in on at by for with from "
    "what which".split()
)


@dataclass(frozen=True, slots=True)
class Homograph:
    """Two sounds of one spelling; `first` is spoken where the word is *part_of_speech* (V, N, VBD, VBN, ADJ)."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    part_of_speech: str


class Homographs:
    """The table, and the rules that choose."""

    def __init__(self, table: dict[str, Homograph]) -> None:
        self._table = table

    def pronounce(self, tokens: Sequence[str], place: int) -> tuple[str, ...]:
        """The sound of the word at *place*, or () if it is no homograph."""
        entry = self._table.get(tokens[place].lower())
        if entry is None:
            return ()
        verb = self._is_verb(tokens, place)
        if entry.part_of_speech == "V":
            return entry.first if verb else entry.second
        if entry.part_of_speech == "N":
            return entry.second if verb else entry.first
        return entry.second

    @staticmethod
    def _is_verb(tokens: Sequence[str], place: int) -> bool:
        before = tokens[place - 1].lower() if place else ""
        after = tokens[place + 1].lower() if place + 1 < len(tokens) else ""
        if before in _BEFORE_NOUN:
            return False
        return before in _BEFORE_VERB or after in _BEFORE_NOUN or after in {"me", "him", "them", "us", "it"}


def parse(text: str) -> dict[str, Homograph]:
    """Read the table's file: `word|first|second|part of speech` a line, `#` for comments."""
    table = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            word, first, second, part_of_speech = line.split("|")
            table[word] = Homograph(tuple(first.split()), tuple(second.split()), part_of_speech)
    return table

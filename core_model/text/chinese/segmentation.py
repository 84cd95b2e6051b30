"""A Chinese sentence cut into words, with parts of speech: the most probable path through a word list.

    遇到了灾难 → 遇到/v 了/ul 灾难/n

What the list does not know is cut by hidden states. Knows nothing of sounds. The algorithm and its tables are jieba's
(0.42.1, MIT), because the tone rules of the voices of GPT-SoVITS were learned over its words; own code, since the
package is not kept and has no wheel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from core_model.text.chinese.hidden_states import HiddenStates, parse
from core_model.text.chinese.word_list import LOG_TOTAL, WordList

_TAGGED_BLOCK = re.compile(r"([一-鿕a-zA-Z0-9+#&._]+)")
_CUT_BLOCK = re.compile(r"([一-鿕a-zA-Z0-9+#&._%-]+)")
_HAN = re.compile(r"([一-鿕]+)")
_TAGGED_REST = re.compile(r"([.0-9]+|[a-zA-Z0-9]+)")
_CUT_REST = re.compile(r"([a-zA-Z0-9]+(?:\.[0-9]+)?%?)")
_NUMBER = re.compile(r"[.0-9]+")
_LATIN = re.compile(r"[a-zA-Z0-9]+")

Word = TypeVar("Word")
Tagged = tuple[str, str]  # a word and its part of speech, in jieba's letters


class Segmenter:
    """Made of the contents of zh.words.xz and zh.tags.xz."""

    def __init__(self, words: bytes, states: bytes) -> None:
        self._words = WordList(words)
        self._states = states
        self._models: tuple[HiddenStates, HiddenStates] | None = None

    def tagged(self, sentence: str) -> list[Tagged]:
        """The words of *sentence* and what each is."""
        found: list[Tagged] = []
        for block in _TAGGED_BLOCK.split(sentence):
            if _TAGGED_BLOCK.match(block):
                found += self._cut(block, self._tag, self._unknown_tagged)
            else:
                found += [(character, "x") for character in block]
        return found

    def words_for_search(self, word: str) -> list[str]:
        """The words of *word*, each after the words of two and three characters that lie inside it."""
        found: list[str] = []
        for block in _CUT_BLOCK.split(word):
            if _CUT_BLOCK.match(block):
                for part in self._cut(block, str, self._unknown):
                    for length in (2, 3):
                        if len(part) > length:
                            inner = (part[at : at + length] for at in range(len(part) - length + 1))
                            found += [piece for piece in inner if self._words.occurs(piece)]
                    found.append(part)
            else:
                found += block
        return found

    def _tag(self, word: str) -> Tagged:
        return word, self._words.tag(word)

    def _cut(
        self, block: str, known: Callable[[str], Word], unknown: Callable[[str], Iterable[Word]]
    ) -> Iterator[Word]:
        """Words of a block, single characters that stand together handed to *unknown* unless they are a word."""
        loose = ""
        for word in [*self._route(block), ""]:
            if len(word) == 1:
                loose += word
                continue
            if len(loose) == 1:
                yield known(loose)
            elif loose:
                yield from unknown(loose) if not self._words.occurs(loose) else map(known, loose)
            loose = ""
            if word:
                yield known(word)

    def _route(self, block: str) -> Iterator[str]:
        """The most probable words, found from the end: of two equally probable ones the longer."""
        best = [(0.0, 0)] * (len(block) + 1)  # from each place on: log probability, end of the first word
        for start in range(len(block) - 1, -1, -1):
            best[start] = max(
                (log_count - LOG_TOTAL + best[end][0], end) for end, log_count in self._words.ends(block, start)
            )
        start = 0
        while start < len(block):
            end = best[start][1]
            yield block[start:end]
            start = end

    def _unknown_tagged(self, run: str) -> Iterator[Tagged]:
        for part in _HAN.split(run):
            if _HAN.match(part):
                yield from self._by_states(part, 0)
                continue
            for piece in filter(None, _TAGGED_REST.split(part)):
                yield piece, "m" if _NUMBER.match(piece) else "eng" if _LATIN.match(piece) else "x"

    def _unknown(self, run: str) -> Iterator[str]:
        for part in _HAN.split(run):
            if _HAN.match(part):
                yield from (word for word, _ in self._by_states(part, 1))
            else:
                yield from filter(None, _CUT_REST.split(part))

    def _by_states(self, run: str, model: int) -> Iterator[Tagged]:
        if self._models is None:  # a quarter of a second, and most sentences need none
            self._models = parse(self._states)
        states = self._models[model].path(run)
        begin = 0
        for place, state in enumerate(states):
            position, _, tag = state.partition("/")
            if position == "B":
                begin = place
            elif position == "E":
                yield run[begin : place + 1], tag
                begin = place + 1
            elif position == "S":
                yield run[place], tag
                begin = place + 1
        if begin < len(run):
            yield run[begin:], states[begin].partition("/")[2]

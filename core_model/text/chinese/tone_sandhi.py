"""Tones that change inside a word: 不, 一, neutral tones, third tones that meet, and the 儿 that takes the tone before.

    不怕 bu4 pa4 → bu2 pa4    豆腐 dou4 fu3 → dou4 fu5    纸老虎 zhi3 lao3 hu3 → zhi3 lao2 hu3

Knows nothing of sentences: word_merging.py decides what a word is. Rules and the lists of zh.tones.txt: PaddleSpeech's
tone_sandhi and frontend (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from core_model.text.chinese.readings import NEUTRAL
from core_model.text.chinese.segmentation import Segmenter

_SENTENCE_MARKS = "：，；。？！“”‘’':,;.?!"
_PARTICLES = "吧呢哈啊呐噻嘛吖嗨哦哒额滴哩哟喽啰耶喔诶的地得"
_COUNTING = "几有两半多各整每做是"  # before 个
_MUST_NOT_CURL = ("a", "j", "nr")  # parts of speech whose 儿 is a syllable of its own

Tones = list[int]


def parse_words(table: str) -> dict[str, frozenset[str]]:
    """zh.tones.txt: a kind, then words of that kind, a line; `#` for comments."""
    kinds: dict[str, list[str]] = {}
    for line in table.splitlines():
        if line and not line.startswith("#"):
            kind, *words = line.split(" ")
            kinds.setdefault(kind, []).extend(words)
    return {kind: frozenset(words) for kind, words in kinds.items()}


class ToneSandhi:
    """*words*: of the kinds neutral, not-neutral, erhua, not-erhua; made by `parse_words`."""

    def __init__(self, words: Mapping[str, frozenset[str]], segmenter: Segmenter) -> None:
        self._words = words
        self._halves = lru_cache(maxsize=8192)(lambda word: _halves(word, segmenter.words_for_search(word)))

    def change(self, word: str, tag: str, tones: Sequence[int]) -> Tones:
        """The tones that a speaker gives *word*, of those that its characters have."""
        changed = list(tones)
        _bu(word, changed)
        _yi(word, changed)
        self._neutral(word, tag, changed)
        self._third(word, changed)
        return changed

    def curls(self, word: str, tag: str) -> bool:
        """Whether a 儿 at the end of *word* takes the tone before it."""
        if len(word) < 2 or word[-1] != "儿":
            return False
        if word not in self._words["erhua"] and (word in self._words["not-erhua"] or tag in _MUST_NOT_CURL):
            return False
        return word[-2:] not in self._words["not-erhua"]

    def _neutral(self, word: str, tag: str, tones: Tones) -> None:
        listed_against = word in self._words["not-neutral"]
        for place in range(1, len(word)):
            if word[place] == word[place - 1] and tag[:1] in ("n", "v", "a") and not listed_against:  # 奶奶, 试试
                tones[place] = NEUTRAL
        counted = word.find("个")
        many_or_thing = len(word) > 1 and word[-1] in "们子" and tag in ("r", "n")
        if _ends_neutrally(word, tag) or (many_or_thing and not listed_against):
            tones[-1] = NEUTRAL
        elif word == "个" or (counted > 0 and (word[counted - 1].isnumeric() or word[counted - 1] in _COUNTING)):
            tones[counted] = NEUTRAL
        elif self._is_neutral(word):
            tones[-1] = NEUTRAL
        first, second = self._halves(word)
        if self._is_neutral(first):
            tones[len(first) - 1] = NEUTRAL
        if self._is_neutral(second):
            tones[-1] = NEUTRAL

    def _is_neutral(self, word: str) -> bool:
        return word in self._words["neutral"] or word[-2:] in self._words["neutral"]

    def _third(self, word: str, tones: Tones) -> None:
        if len(word) == 2:
            _raise_first(tones, 0, 2)
        elif len(word) == 4:  # most are two words of two
            _raise_first(tones, 0, 2)
            _raise_first(tones, 2, 4)
        elif len(word) == 3:
            middle = len(self._halves(word)[0])
            if tones == [3, 3, 3]:
                tones[:] = [2, 2, 3] if middle == 2 else [3, 2, 3] if middle == 1 else tones  # 蒙古/包, 纸/老虎
            elif middle == 2:  # 所有/人, and 很好/吃, whose last is not third
                _raise_first(tones, 0, 2)
            elif middle == 1 and not _raise_first(tones, 1, 3) and tones[0] == tones[1] == 3:  # 好/喜欢
                tones[0] = 2


def _ends_neutrally(word: str, tag: str) -> bool:
    last = word[-1]
    if last in _PARTICLES:
        return True
    if len(word) == 1:
        return last in "了着过" and tag in ("ul", "uz", "ug")
    return (last in "上下里" and tag in ("s", "l", "f")) or (last in "来去" and word[-2] in "上下进出回过起开")


def _bu(word: str, tones: Tones) -> None:
    if len(word) == 3 and word[1] == "不":  # 看不懂
        tones[1] = NEUTRAL
        return
    for place in range(len(word) - 1):
        if word[place] == "不" and tones[place + 1] == 4:
            tones[place] = 2


def _yi(word: str, tones: Tones) -> None:
    if all(character == "一" or character.isnumeric() for character in word):  # 二一零
        return
    if len(word) == 3 and word[1] == "一" and word[0] == word[2]:  # 看一看
        tones[1] = NEUTRAL
    elif word.startswith("第一"):
        tones[1] = 1
    else:
        for place in range(len(word) - 1):
            if word[place] != "一":
                continue
            if tones[place + 1] == 4:
                tones[place] = 2
            elif word[place + 1] not in _SENTENCE_MARKS:
                tones[place] = 4


def _raise_first(tones: Tones, start: int, end: int) -> bool:
    """The first of two third tones becomes a second one; True if they were two."""
    if tones[start:end] != [3, 3]:
        return False
    tones[start] = 2
    return True


def _halves(word: str, inside: list[str]) -> tuple[str, str]:
    """*word* cut where its shortest part ends, or begins if it does not begin with it."""
    shortest = min(inside, key=len, default=word)
    if word.startswith(shortest):
        return shortest, word[len(shortest) :]
    return word[: -len(shortest)], shortest

"""Words joined where their tones act on each other: 不 and 一 with what follows, doubled words, third tones, 儿.

    不/d 怕/v → 不怕/v    听/v 一/m 听/v → 听一听/v    好/a 雨伞/n → 好雨伞/a

Knows nothing of what then happens to the tones (tone_sandhi.py). Rules: PaddleSpeech's tone_sandhi (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Callable

from core_model.text.chinese.readings import Readings
from core_model.text.chinese.segmentation import Tagged

_LONGEST = 3  # characters of two words joined for their third tones


def merge(words: list[Tagged], readings: Readings) -> list[Tagged]:
    """The words over which tones change, in the order in which upstream joins them."""
    words = _doubled(_with_yi(_yi_between(_with_bu(words))))
    for together in (_all_third, _third_meets_third):
        words = _third_tones(words, readings, together)
    return _with_er(words)


def _with_bu(words: list[Tagged]) -> list[Tagged]:
    """不 and the word after it; a 不 that another follows is joined to it too."""
    merged: list[Tagged] = []
    last = ""
    for word, tag in words:
        word = last + word if last == "不" else word
        if word != "不":
            merged.append((word, tag))
        last = word
    return [*merged, ("不", "d")] if last == "不" else merged


def _yi_between(words: list[Tagged]) -> list[Tagged]:
    """A verb, 一 and the same verb again."""
    merged: list[Tagged] = []
    place = 0
    while place < len(words):
        word, tag = words[place]
        following = words[place + 1 : place + 3]
        if tag == "v" and len(following) == 2 and following[0][0] == "一" and following[1] == (word, tag):
            merged.append((f"{word}一{word}", tag))
            place += 3
        else:
            merged.append((word, tag))
            place += 1
    return merged


def _with_yi(words: list[Tagged]) -> list[Tagged]:
    """一 and the word after it."""
    merged: list[Tagged] = []
    for word, tag in words:
        if merged and merged[-1][0] == "一":
            merged[-1] = ("一" + word, merged[-1][1])
        else:
            merged.append((word, tag))
    return merged


def _doubled(words: list[Tagged]) -> list[Tagged]:
    merged: list[Tagged] = []
    for word, tag in words:
        if merged and merged[-1][0] == word:
            merged[-1] = (word + word, merged[-1][1])
        else:
            merged.append((word, tag))
    return merged


Tones = list[int]


def _all_third(before: Tones, after: Tones) -> bool:
    return all(tone == 3 for tone in (*before, *after))


def _third_meets_third(before: Tones, after: Tones) -> bool:
    return before[-1] == 3 == after[0]


def _third_tones(words: list[Tagged], readings: Readings, together: Callable[[Tones, Tones], bool]) -> list[Tagged]:
    """Two words of at most three characters; a word once joined takes no third, a doubled one none."""
    tones = [[syllable.tone for syllable in readings.of(word)] for word, _ in words]
    merged: list[Tagged] = []
    joined = False
    for place, (word, tag) in enumerate(words):
        before = words[place - 1][0] if place else ""
        joined = (
            place > 0
            and not joined
            and together(tones[place - 1], tones[place])
            and len(before) + len(word) <= _LONGEST
            and not (len(before) == 2 and before[0] == before[1])
        )
        if joined:
            merged[-1] = (merged[-1][0] + word, merged[-1][1])
        else:
            merged.append((word, tag))
    return merged


def _with_er(words: list[Tagged]) -> list[Tagged]:
    """A word and the 儿 after it, whatever the word."""
    merged: list[Tagged] = []
    for word, tag in words:
        if merged and word == "儿":
            merged[-1] = (merged[-1][0] + word, merged[-1][1])
        else:
            merged.append((word, tag))
    return merged

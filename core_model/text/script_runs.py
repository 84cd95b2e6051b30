"""Text to runs of one language each, by script and, where a script has several languages, by a classifier.

What split-lang 2.1.1 does (DoodleBear, MIT), which GPT-SoVITS asks before it decides for itself
(language_segments.py), with numbers left apart. Punctuation and spaces go to the run before them.

    characters ─▶ sections of one script ─▶ phrases or words, each with its likeliest language ─▶ joined with neighbours

"x" is a language that none of this knows; "digit" and "punctuation" are runs of nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the classifier is NumPy's; a text in one language needs neither
    from core_model.text.language_detection import Detector
    from core_model.text.phrases import Phrases


UNKNOWN, DIGIT, PUNCTUATION = "x", "digit", "punctuation"

_HAN_OR_KANA, _HANGUL, _OTHER = "han or kana", "hangul", "other"
_MARKS = frozenset("""〜~,.;:!?，。！？；：、·([{<（【《〈「『“‘)]}>）】》〉」』”’"-_—#$%&…￥'*+<=>?@[\\]^_`|""")
_KANA = re.compile(r"[\u3040-\u30ff々]")
_HAN_KANA = re.compile(r"[\u4e00-\u9fff\u3040-\u30ff々]")
_HANGUL_SYLLABLE = re.compile(r"[\uac00-\ud7af]")
_WORD = re.compile(r"\S*\s*")
_HAN_LANGUAGES = {"zh": "zh", "yue": "zh", "wuu": "zh", "ja": "ja"}
_OTHER_LANGUAGES = {**_HAN_LANGUAGES, "ko": "ko", "en": "en"}

_CANDIDATES, _LEAST_PROBABLE = 5, 0.01  # of the classifier, where a run could be its neighbour's language
_SHORT, _LONG, _NEAR = 4, 6, 5  # characters: a short run between long ones, a run near enough to decide
_MUCH_LONGER = 10  # times


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text in one language."""

    language: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Section:
    """A stretch of one script."""

    kind: str
    runs: tuple[Run, ...]


class ScriptRuns:
    """The splitter, made of a classifier and the phrase tables of Japanese and Chinese."""

    def __init__(self, detector: Detector, japanese: Phrases, chinese: Phrases) -> None:
        self._detector, self._japanese, self._chinese = detector, japanese, chinese

    def split(self, text: str) -> list[Run]:
        """The runs of *text*; joined they are it, without the white space at its ends."""
        sections = [_Section(kind, tuple(self._runs(kind, part))) for kind, part in _sections(text.strip())]
        found: list[Run] = []
        for section in _with_punctuation(sections):
            runs = joined(section.runs)
            found += _balanced(runs) if section.kind == _HAN_OR_KANA else runs
        return found

    def _runs(self, kind: str, text: str) -> list[Run]:
        if kind in (DIGIT, PUNCTUATION):
            return [Run(kind, text)]
        if kind == _HANGUL:
            return [Run("ko", text)]
        if kind == _HAN_OR_KANA:
            runs = [Run(self._han_language(phrase), phrase) for phrase in self._phrases(text)]
        else:
            runs = [
                Run(_OTHER_LANGUAGES.get(self._likeliest(word), UNKNOWN), word) for word in _WORD.findall(text) if word
            ]
        return self._settled(runs)

    def _likeliest(self, text: str) -> str:
        return next(iter(self._detector.languages(text)), UNKNOWN)

    def _han_language(self, phrase: str) -> str:
        return "ja" if _KANA.search(phrase) else _HAN_LANGUAGES.get(self._likeliest(phrase), UNKNOWN)

    def _could_be(self, text: str) -> tuple[str, ...]:
        return self._detector.languages(text.strip(), _CANDIDATES, _LEAST_PROBABLE)

    def _phrases(self, text: str) -> list[str]:
        """*text* cut by the Japanese table, each part by the Chinese one; kana and a single Han join what precedes."""
        parts = [part for phrase in self._japanese.split(text) for part in self._chinese.split(phrase)]
        found = parts[:1]
        for part in parts[1:]:
            kana_before, kana_here = _KANA.search(found[-1]) is not None, _KANA.search(part) is not None
            if (kana_before and kana_here) or (not kana_before and not kana_here and len(part) == 1):
                found[-1] += part
            else:
                found.append(part)
        if len(found) > 1 and len(found[0]) == 1:
            found[:2] = [found[0] + found[1]]
        return found

    def _settled(self, runs: list[Run]) -> list[Run]:
        """Runs whose neighbours had their say: one of an unsure language takes theirs."""
        runs = joined(self._middles(joined(runs)))
        runs = joined(self._middles(runs))
        runs = joined(self._ends(_filled(runs)))
        return joined(self._middles(runs))

    def _middles(self, runs: list[Run]) -> list[Run]:
        """A run between two of one language takes it if it is unknown, could be in it, or is short between long."""
        runs = list(runs)
        for place in range(1, len(runs) - 1):
            left, middle, right = runs[place - 1 : place + 2]
            if left.language != right.language or left.language == UNKNOWN:
                continue
            kana = _KANA.search(middle.text) is not None
            short = len(middle.text) <= _SHORT and len(left.text) + len(right.text) >= _LONG
            if (
                middle.language == UNKNOWN
                or (not kana and short)
                or (not kana and left.language in self._could_be(middle.text))
            ):
                runs[place] = replace(middle, language=left.language)
        return runs

    def _ends(self, runs: list[Run]) -> list[Run]:
        """The first and the last run take a neighbour's language if they could be in it."""
        runs = list(runs)
        if len(runs) > 1:
            if self._follows(runs[0], runs[1]):
                runs[0] = replace(runs[0], language=_nearest(runs, 0, 1))
            if self._follows(runs[-1], runs[-2]):
                runs[-1] = replace(runs[-1], language=_nearest(runs, len(runs) - 1, -1))
        return runs

    def _follows(self, run: Run, near: Run) -> bool:
        if run.language == UNKNOWN:
            return True
        kana = _KANA.search(run.text + near.text) is not None
        if not kana and near.language == "zh" and len(near.text) > len(run.text) and len(near.text) >= _LONG:
            return True
        return (not kana or len(near.text) <= _NEAR) and near.language in self._could_be(run.text)


def _sections(text: str) -> list[tuple[str, str]]:
    """Kind and text of each stretch of one script; every mark stands alone, white space goes with what precedes it."""
    found: list[tuple[str, str]] = []
    kind = _OTHER
    for place, character in enumerate(text):
        here = _kind(character) or kind
        if character == "'" and place and not text[place - 1].isspace():
            here = kind  # a part of an English word
        alone = here == PUNCTUATION and not character.isspace() and character != "'"
        if found and here == kind and not alone:
            found[-1] = (kind, found[-1][1] + character)
        else:
            found.append((here, character))
        kind = here
    return found


def _kind(character: str) -> str | None:
    """The script of a character; None for white space."""
    if _HAN_KANA.match(character):
        return _HAN_OR_KANA
    if _HANGUL_SYLLABLE.match(character):
        return _HANGUL
    if character.isdigit():
        return DIGIT
    if character in _MARKS:
        return PUNCTUATION
    return None if character.isspace() else _OTHER


def joined(runs: Iterable[Run]) -> list[Run]:
    """Neighbours of one language as one run."""
    found: list[Run] = []
    for run in runs:
        if found and found[-1].language == run.language:
            found[-1] = Run(run.language, found[-1].text + run.text)
        else:
            found.append(run)
    return found


def _nearest(runs: list[Run], place: int, step: int) -> str:
    """The first known language from *place* on, in that direction; its own if there is none."""
    others = runs[place + 1 :] if step > 0 else runs[:place][::-1]
    return next((run.language for run in others if run.language != UNKNOWN), runs[place].language)


def _filled(runs: list[Run]) -> list[Run]:
    """Each unknown run in the language of a neighbour: the longer one's, the first run's right, the last one's left."""
    runs = list(runs)
    for place, run in enumerate(runs):
        if run.language == UNKNOWN:
            left = place > 0 and (place == len(runs) - 1 or len(runs[place - 1].text) >= len(runs[place + 1].text))
            runs[place] = replace(run, language=_nearest(runs, place, -1 if left else 1))
    return runs


def _with_punctuation(sections: list[_Section]) -> list[_Section]:
    """Sections without any of punctuation alone: joined to the one before, at the start to the one after."""
    found: list[_Section] = []
    for section in sections:
        if found and PUNCTUATION in (found[-1].kind, section.kind):
            before, here = found[-1], section
            opening = before.kind == PUNCTUATION
            first = here.runs[0]
            language = first.language if opening else before.runs[-1].language
            seam = Run(language, before.runs[-1].text + first.text)
            kind = here.kind if opening else before.kind
            found[-1] = _Section(kind, (*before.runs[:-1], seam, *here.runs[1:]))
        else:
            found.append(section)
    merged: list[_Section] = []
    for section in found:
        if merged and merged[-1].kind == section.kind:
            merged[-1] = _Section(section.kind, merged[-1].runs + section.runs)
        else:
            merged.append(section)
    return merged


def _balanced(runs: list[Run]) -> list[Run]:
    """Chinese and Japanese runs, the very short ones given to their long neighbours."""
    if len(runs) < 2:
        return runs
    totals = dict.fromkeys(("zh", "ja", UNKNOWN), 0)
    found: list[Run] = []
    place = 0
    while place < len(runs):
        run = runs[place]
        totals[run.language] = totals.get(run.language, 0) + len(run.text)
        following = runs[place + 1] if place + 1 < len(runs) else None
        if not place and following and _is_han(following) and len(run.text) * _MUCH_LONGER < len(following.text):
            found.append(Run(following.language, run.text + following.text))
            place += 1
        elif place and not following and _is_han(found[-1]) and len(run.text) * _MUCH_LONGER < len(found[-1].text):
            found[-1] = Run(found[-1].language, found[-1].text + run.text)
        elif place and following and _is_between(found[-1], run, following):
            found[-1] = Run(following.language, found[-1].text + run.text + following.text)
            place += 1
        else:
            found.append(run)
        place += 1
    most = max(totals, key=lambda language: totals[language])
    found = [replace(run, language=most) if run.language == UNKNOWN else run for run in found]
    if totals["ja"] >= totals["zh"] * _MUCH_LONGER:
        found = [replace(run, language="ja") if run.language == "zh" else run for run in found]
    return joined(found)


def _is_han(run: Run) -> bool:
    return run.language in ("zh", "ja")


def _is_between(left: Run, run: Run, right: Run) -> bool:
    same = left.language == right.language and _is_han(left)
    return same and len(run.text) * _MUCH_LONGER < len(left.text) + len(right.text)

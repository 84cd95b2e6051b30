"""Capital letters in English text: which words are spelled out, and which were only shouted or joined.

"NASA" is a word, "MIT" is three letters, "THE END" is two words, "iPhone" is one, "PyTorch" two. Text in, text out: a
letter to be named comes out as a capital by itself. Knows nothing of phonemes; is told which words there are.
"""

from __future__ import annotations

import re
from collections.abc import Container

# In the dictionary as words, but spelled when written in capitals among small letters.
_SPELLED = """ai ar mit us it who led sat act arm id cd dvd pc tv ip os ios un eu uk la dc am pm hr pr vr ac dj mc phd
    ceo cfo cto bbc cnn"""
_SHORT_WORDS = "ok no go so up in on of to by if is at an as be do he me my we or oh hi ha"
_SPELLED_SET, _SHORT_SET = frozenset(_SPELLED.split()), frozenset(_SHORT_WORDS.split())
_LONGEST_SPELLED = 5  # letters of an unknown word in capitals; a longer one with a vowel is said as a word

_WORD = re.compile(r"(?<![A-Za-z'])[A-Za-z]+(?:'[A-Za-z]+)*")
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")


def spell_capitals(text: str, known: Container[str]) -> str:
    """*text* with words in capitals either in small letters or spelled; *known* holds the dictionary's words."""
    words = [word for word in _WORD.findall(text) if len(word) > 1]
    shouted = len(words) > 1 and all(word.isupper() for word in words)
    return _WORD.sub(lambda found: _word(found[0], known, shouted), text)


def _word(word: str, known: Container[str], shouted: bool) -> str:
    stem, mark, ending = word.partition("'")
    if word[1:] == word[1:].lower():
        return word
    small = word.lower()
    if (mark and small in known) or (not stem.isupper() and (small in known or small.removesuffix("'s") in known)):
        return word[0] + small[1:]  # DON'T, McDonald's, iPhone
    plural = re.fullmatch(r"([A-Z]{2,})s", stem)
    if plural:
        said = _capitals(plural[1], known, shouted, "")
        return said + ("'s" if " " in said else "s")  # the C D's, the gifs
    if stem.isupper():
        return _capitals(stem, known, shouted, (mark + ending).lower())
    humps = _HUMP.findall(stem)
    return " ".join(_word(hump, known, shouted) for hump in humps) + mark + ending


def _capitals(stem: str, known: Container[str], shouted: bool, ending: str) -> str:
    small = stem.lower()
    is_known = small in known
    if shouted and is_known:
        return small + ending
    if len(small) == 2:
        is_known = small in _SHORT_SET
    if is_known and small not in _SPELLED_SET:
        return small + ending
    if len(stem) > _LONGEST_SPELLED and re.search("[AEIOUY]", stem) and small not in _SPELLED_SET:
        return small + ending
    return " ".join(stem) + ending

"""The table of languages: where each one's front end is, imported when asked for, and which letters it can say.

Knows nothing of phonemes. text_data.py knows where their data lie.
"""

from __future__ import annotations

import importlib
import re
import unicodedata
from collections.abc import Mapping
from typing import Protocol, cast, runtime_checkable

from core_model.text.phonemes import Spelled
from core_model.text.text_data import PLAIN, TextData, check_packages


@runtime_checkable
class Marking(Protocol):
    """A front end that also gives the marks of a text in which nothing can be spoken, as upstream does."""

    def symbols(self, text: str) -> Spelled:
        """The symbols of *text*, maybe none; never an exception."""


class Speller(Protocol):
    """The front end of one language."""

    def spell(self, text: str) -> Spelled:
        """The symbols of *text*; EmptyTextError if nothing in it can be spoken, never another exception."""


LANGUAGES = ("en", "zh", "ja", "ko", "yue")
_SPELLERS: Mapping[str, tuple[str, str]] = {
    "zh": ("core_model.text.chinese.spelling", "Chinese"),
    "ja": ("core_model.text.japanese", "Japanese"),
    "ko": ("core_model.text.korean", "Korean"),
    "yue": ("core_model.text.cantonese", "Cantonese"),
}
_HAN = r"\u4e00-\u9fa5"
_SAID: Mapping[str, re.Pattern[str]] = {  # letters that the language can say; en below
    "zh": re.compile(f"[{_HAN}\u0391-\u03c9]"),  # Greek letters have Chinese names
    "yue": re.compile(f"[{_HAN}\u0391-\u03c9]"),
    "ja": re.compile(r"[A-Za-z々〆\u3040-\u30ff\u4e00-\u9fff\uff21-\uff3a\uff41-\uff5a\uff66-\uff9d]"),
    "ko": re.compile(r"[A-Za-z\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]"),
}
_LATIN_IN_PLAIN = frozenset("ßæœøðþłđıÆŒØŁ")  # english_reading.py writes them out
_WORD = re.compile(r"[^\W\d_](?:[^\W_]|[\u0300-\u036f]|[ '’-](?=[^\W\d_]))*")


def load(language: str, data: TextData, table: str) -> Speller:
    """The front end of *language*, any but English, whose own door gives more (english_data.py).

    Raises RuntimeMissingError for a package that is not installed, VoiceError if the data are not what was written.
    """
    check_packages(language)
    module, name = _SPELLERS[language]
    return cast(Speller, getattr(importlib.import_module(module), name)(data, table))


def unsaid(text: str, language: str, reading: str) -> tuple[str, ...]:
    """The words of *text* in letters that *language* cannot say; marks, digits and pictures are no letters."""
    found = []
    for word in _WORD.findall(text):
        lost = "".join(letter if letter == " " or not _says(letter, language, reading) else "\n" for letter in word)
        found += [part.strip() for part in lost.split("\n") if any(map(str.isalpha, part))]
    return tuple(found)


def _says(letter: str, language: str, reading: str) -> bool:
    if not letter.isalpha():
        return True
    if language != "en":
        return _SAID[language].match(letter) is not None
    if reading == PLAIN and letter in _LATIN_IN_PLAIN:
        return True
    parts = unicodedata.normalize("NFKD" if reading == PLAIN else "NFD", letter)
    return any(part.isascii() and part.isalpha() for part in parts)

"""English text as GPT-SoVITS's voices expect it: numbers, units, money, times and signs spelled out in letters.

This is the reading upstream trained its voices with, defects included, because a voice only knows what it was shown
(../shared/upstream/text/README.md, "What one gets wrong"): `;` and `:` vanish, capitals inside a word are split off,
whatever is not a Latin letter or one of ' . , ? ! - is lost. english_reading.py mends what a listener would stumble
over before this runs. Knows nothing of phonemes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from core_model.text import numbers

_UNITS = {  # as written after a number: singular, plural
    "m": ("meter", "meters"),
    "km": ("kilometer", "kilometers"),
    "ft": ("foot", "feet"),
    "L": ("liter", "liters"),
    "tbsp": ("tablespoon", "tablespoons"),
    "tsp": ("teaspoon", "teaspoons"),
    "h": ("hour", "hours"),
    "min": ("minute", "minutes"),
    "s": ("second", "seconds"),
    "°C": ("degree celsius", "degrees celsius"),
    "°F": ("degree fahrenheit", "degrees fahrenheit"),
}
_MONEY = {"$": ("dollar", "dollars", "cent", "cents"), "£": ("pound", "pounds", "penny", "pence")}

_FULL_WIDTH = str.maketrans("。！？", ".!?")  # of the marks, the only ones that upstream reads
_AMOUNT = r"(?<!\d)(\d+(?:\.\d+)?|\.\d+)"  # anchored: otherwise a long number takes cubic time


def _unit(match: re.Match[str]) -> str:
    one, many = _UNITS[match[2]]
    return f"{match[1]} {one if match[1] == '1' else many}"


def _money(sign: str) -> Callable[[re.Match[str]], str]:
    one, many, one_part, many_parts = _MONEY[sign]

    def spell(match: re.Match[str]) -> str:
        whole, _, part = match[1].partition(".")
        cents = int((part + "0")[:2]) if part else 0
        units = whole.lstrip("0")
        said = [f"{units or '0'} {one if units == '1' else many}"] if units or not cents else []
        if cents:
            said.append(f"{cents} {one_part if cents == 1 else many_parts}")
        return " and ".join(said)

    return spell


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2])
    words = numbers.cardinal(str(hour - 12 if hour > 12 else hour or 12))
    if minute:
        words += " oh " + numbers.cardinal(str(minute)) if minute < 10 else " " + numbers.cardinal(str(minute))
    return f"{words} {'a.m.' if hour < 12 else 'p.m.'}"


def _number(match: re.Match[str]) -> str:
    text = match[0]
    return numbers.year(text) if len(text) == 4 and 1000 < int(text) < 3000 else numbers.cardinal(text)


_STEPS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?<=\d),(?=\d)"), ""),
    (re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)\b"), _time),
    (re.compile(r"\b(\d+(?:\.\d+)?)(" + "|".join(sorted(_UNITS, key=len, reverse=True)) + r")\b"), _unit),
    (re.compile("£" + _AMOUNT), _money("£")),
    (re.compile(_AMOUNT + "£"), _money("£")),
    (re.compile(r"\$" + _AMOUNT), _money("$")),
    (re.compile(_AMOUNT + r"\$"), _money("$")),
    (re.compile(r"(?<!\d)(\d+)\.(\d+)|\.(\d+)"), lambda match: numbers.decimal(match[1] or "", match[2] or match[3])),
    (re.compile(r"(?<!\d)(\d+)/(\d+)"), lambda match: numbers.fraction(match[1], match[2])),
    (re.compile(r"(?<!\d)(\d+)(?:st|nd|rd|th)\b"), lambda match: numbers.ordinal(match[1])),
    (re.compile(r"(?<!\S)-(?=\d)"), "negative "),
    (re.compile(r"(?<=\s)-(?=\s)"), "minus"),
    (re.compile(r"\+"), "plus"),
    (re.compile(r"="), "Equals"),
    (re.compile(r"\d+"), _number),
)


def normalise(text: str, *, plain: bool = False) -> str:
    """*text* in letters, spaces and ' . , ? ! - only; may come out empty. *plain*: it was read aloud before."""
    text = text.translate(_FULL_WIDTH)
    for pattern, replacement in _STEPS:
        text = pattern.sub(replacement, text)
    text = "".join(mark for mark in unicodedata.normalize("NFD", text) if unicodedata.category(mark) != "Mn")
    text = text.replace("%", " percent")
    text = re.sub(r"[^ A-Za-z'.,?!\-]", "", text)
    text = re.sub(r"i\.e\.", "that is", text, flags=re.IGNORECASE)
    text = re.sub(r"e\.g\.", "for example", text, flags=re.IGNORECASE)
    text = re.sub(r"(?<=\S)([A-Z])", r" \1", text)
    kept = r"[.,?!\-]" if plain else r"[.,?!\-\s]"  # upstream loses a mark after a space, too
    return re.sub(rf"({kept})[.,?!\-]+", r"\1", text)

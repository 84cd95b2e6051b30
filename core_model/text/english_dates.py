"""Dates, years and times of day in English text, spelled out the way they are said.

Text in, text out; what is no date stays as it is. Dates of digits alone are read as ISO 8601 (2024-12-25) or the
American way (12/25/2024), unless only the other order gives a month. Knows nothing of phonemes.
"""

from __future__ import annotations

import re

from core_model.text import numbers

_MONTH_NAMES = "January February March April May June July August September October November December"
_NAMES = tuple(_MONTH_NAMES.split())
_MONTH = r"(Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?\.?|July?\.?|Aug(?:ust|\.)?" + (
    r"|Sept?(?:ember|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)"
)
_DAY = r"(3[01]|[12]\d|0?[1-9])"
_HALF = r"\s?([AaPp])\.?\s?[Mm](\b\.?)"  # a.m., PM

_ISO = re.compile(r"(?<![\d-])(\d{4})-(\d{2})-(\d{2})(?![\d-])")
_SLASHED = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?![\d/])")
_MONTH_DAY = re.compile(rf"\b{_MONTH}\s{_DAY}(?:st|nd|rd|th)?\b(?![:.,]?\d|/|\s?%)(?:,?\s(\d{{4}})\b(?![:.,]\d))?")
_DAY_MONTH = re.compile(
    rf"(?<![\d.,:/$£€-])(?:[Tt]he\s)?{_DAY}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?!\w)(?:,?\s(\d{{4}})\b)?"
)
_DECADE = re.compile(r"(?<![\w.,])(?:(1[1-9]|20)(\d)0|'?(\d)0)'?s\b")
_TIME = re.compile(rf"\b(\d{{1,2}}):([0-5]\d)(?::([0-5]\d))?(?:{_HALF})?(?![\d:])")
_HOUR = re.compile(rf"\b(1[0-2]|0?[1-9]){_HALF}(?!\w)")


def spell_dates(text: str) -> str:
    """*text* with dates, decades and times of day in words."""
    text = _ISO.sub(lambda found: _date(found[0], int(found[2]), int(found[3]), found[1]), text)
    text = _SLASHED.sub(_slashed, text)
    text = _DAY_MONTH.sub(_day_month, text)
    text = _MONTH_DAY.sub(lambda found: _date(found[0], _month(found[1]), int(found[2]), found[3] or ""), text)
    text = _DECADE.sub(_decade, text)
    text = _TIME.sub(_time, text)
    return _HOUR.sub(lambda found: _with_half(numbers.cardinal(found[1]), found[2], found[3], found), text)


def spell_year(text: str) -> str:
    """Four digits as a year, between 1100 and 2099; other digits as a number."""
    return numbers.year(text) if len(text) == 4 and 1100 <= int(text) < 2100 else numbers.cardinal(text)


def _month(name: str) -> int:
    return next(row for row, month in enumerate(_NAMES, start=1) if month[:3] == name[:3])


def _date(found: str, month: int, day: int, year: str) -> str:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return found
    said = f"{_NAMES[month - 1]} {numbers.ordinal(str(day))}"
    return f"{said}, {spell_year(year)}" if year else said


def _slashed(found: re.Match[str]) -> str:
    first, second = int(found[1]), int(found[2])
    month, day = (first, second) if first <= 12 else (second, first)
    year = found[3] if len(found[3]) == 4 else ("20" if int(found[3]) < 50 else "19") + found[3]
    return _date(found[0], month, day, year)


def _day_month(found: re.Match[str]) -> str:
    said = f"the {numbers.ordinal(found[1])} of {_NAMES[_month(found[2]) - 1]}"
    return f"{said}, {spell_year(found[3])}" if found[3] else said


def _decade(found: re.Match[str]) -> str:
    if found[3] is None:
        century, decade = found[1], found[2]
        if decade == "0":
            return "two thousands" if century == "20" else numbers.cardinal(century) + " hundreds"
        return f"{numbers.cardinal(century)} {_plural(numbers.cardinal(decade + '0'))}"
    return _plural(numbers.cardinal(found[3] + "0")) if found[3] not in "01" else found[0]


def _plural(word: str) -> str:
    return word[:-1] + "ies" if word.endswith("y") else word + "s"


def _time(found: re.Match[str]) -> str:
    hour, minute, second = int(found[1]), int(found[2]), found[3]
    if hour > 24:
        return found[0]
    said = numbers.cardinal(found[1])
    if minute:
        said += " oh " + numbers.cardinal(found[2]) if minute < 10 else " " + numbers.cardinal(found[2])
    elif not second and not found[4]:
        said += " o'clock" if 1 <= hour <= 12 else " hundred"
    if second:
        said += f" and {numbers.cardinal(second)} second{'' if int(second) == 1 else 's'}"
    return _with_half(said, found[4], found[5], found) if found[4] else said


def _with_half(said: str, half: str, stop: str, found: re.Match[str]) -> str:
    """Append A M or P M; a stop stays where a sentence ends."""
    following = found.string[found.end() :].lstrip()
    ends = stop.endswith(".") and (not following or following[:1].isupper())
    return f"{said} {half.upper()} M" + ("." if ends else "")

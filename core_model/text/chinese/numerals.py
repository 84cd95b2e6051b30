"""Numbers as Chinese says them: cardinals with their units, decimals, and digits one by one.

    12003 一万二千零三    10.50 十点五    2024 二零二四

Knows nothing of sentences; quantities.py and chronology.py find the numbers. Rules: https://zh.wikipedia.org/wiki/中文数字
as PaddleSpeech's zh_normalization applies them (Apache-2.0), on which the voices of GPT-SoVITS were trained. Only the
ten ASCII digits are digits here.
"""

from __future__ import annotations

_DIGITS = "零一二三四五六七八九"
_UNITS = ((8, "亿"), (4, "万"), (3, "千"), (2, "百"), (1, "十"))  # digits after it, its name
_LONGEST = 400  # digits of a cardinal; more are read one by one, since nobody can follow the units


def digits(number: str, ones_as_yao: bool = False) -> str:
    """Each digit by itself, as in years and telephone numbers; 幺 for 1 where it could be misheard."""
    spoken = "".join(_DIGITS[int(digit)] for digit in number)
    return spoken.replace("一", "幺") if ones_as_yao else spoken


def cardinal(number: str) -> str:
    """A whole number with its units; leading zeros are silent, 0 alone is not, nothing stays nothing."""
    if not number:
        return ""
    number = number.lstrip("0")
    if not number:
        return _DIGITS[0]
    if len(number) > _LONGEST:
        return digits(number)
    spoken = _with_units(number)
    return spoken[1:] if spoken.startswith("一十") else spoken


def _with_units(number: str) -> str:
    significant = number.lstrip("0")
    if not significant:
        return ""
    if len(significant) == 1:
        return ("零" if len(number) > 1 else "") + _DIGITS[int(significant)]
    places, name = next(unit for unit in _UNITS if unit[0] < len(significant))
    return _with_units(number[:-places]) + name + _with_units(number[-places:])


def spoken(number: str) -> str:
    """A number that may have a point: `3.20` 三点二, `.5` 零点五. Zeros at its end are silent."""
    whole, _, decimals = number.partition(".")
    decimals = decimals.rstrip("0")
    words = cardinal(whole)
    return f"{words or '零'}点{digits(decimals)}" if decimals else words

"""Numbers as English words: cardinals, ordinals, years, fractions, decimals.

Pure functions from digits to words. Knows nothing of the text around a number; english_normalisation.py finds numbers
and decides which of these reads each. The wording (a comma after each group of thousands, no "and" in cardinals, "and"
in ordinals) is the one GPT-SoVITS's voices were trained on; see ../shared/upstream/text.
"""

from __future__ import annotations

_BELOW_TWENTY = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen"""
_TENS_NAMES = "_ _ twenty thirty forty fifty sixty seventy eighty ninety"
_SCALE_NAMES = """_ thousand million billion trillion quadrillion quintillion sextillion septillion octillion nonillion
    decillion"""
_SMALL, _TENS, _SCALES = _BELOW_TWENTY.split(), _TENS_NAMES.split(), _SCALE_NAMES.split()
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
LONGEST = 3 * len(_SCALES)  # digits; a longer number is read digit by digit


def _below_hundred(number: int) -> str:
    if number < 20:
        return _SMALL[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens] + (f"-{_SMALL[ones]}" if ones else "")


def _below_thousand(number: int, joiner: str) -> str:
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return _below_hundred(rest)
    return f"{_SMALL[hundreds]} hundred" + (joiner + _below_hundred(rest) if rest else "")


def digits(text: str) -> str:
    """Each digit of *text* by itself: "007" -> "zero zero seven"."""
    return " ".join(_SMALL[int(digit)] for digit in text)


def cardinal(text: str, *, joiner: str = " ") -> str:
    """Decimal digits as a number: "1234" -> "one thousand, two hundred thirty-four"."""
    stripped = text.lstrip("0") or "0"
    if len(stripped) > LONGEST:
        return digits(text)
    number = int(stripped)
    if number == 0:
        return "zero"
    groups: list[str] = []
    for scale in range(len(_SCALES)):
        number, group = divmod(number, 1000)
        if group:
            groups.append(_below_thousand(group, joiner) + (f" {_SCALES[scale]}" if scale else ""))
    groups.reverse()
    if len(groups) > 1 and joiner != " " and int(stripped[-3:]) < 100 and int(stripped[-3:]):
        return ", ".join(groups[:-1]) + joiner + groups[-1]  # one thousand and first, not "one thousand, first"
    return ", ".join(groups)


def ordinal(text: str) -> str:
    """Decimal digits as a rank: "22" -> "twenty-second", "101" -> "one hundred and first"."""
    words = cardinal(text, joiner=" and ")
    for cut in range(len(words) - 1, -1, -1):
        if words[cut] in " -":
            return words[: cut + 1] + _rank(words[cut + 1 :])
    return _rank(words)


def _rank(word: str) -> str:
    if word in _ORDINALS:
        return _ORDINALS[word]
    return word[:-1] + "ieth" if word.endswith("y") else word + "th"


def year(text: str) -> str:
    """Four digits as a year: "1984" -> "nineteen eighty-four", "1905" -> "nineteen oh five"."""
    century, rest = int(text[:-2]), int(text[-2:])
    if century % 10 == 0 and rest < 10:
        return f"{_SMALL[century // 10]} thousand" + (f" {_SMALL[rest]}" if rest else "")
    if rest == 0:
        return f"{_below_hundred(century)} hundred"
    return f"{_below_hundred(century)} {'oh ' + _SMALL[rest] if rest < 10 else _below_hundred(rest)}"


def decimal(whole: str, fraction: str) -> str:
    """ "3", "14" -> "three point one four"."""
    return f"{cardinal(whole or '0')} point {digits(fraction)}"


def fraction(numerator: str, denominator: str) -> str:
    """ "3", "4" -> "three fourths"; a denominator of 0 is read as "over zero", of 1 is left out."""
    one = cardinal(numerator) == "one"
    below = cardinal(denominator)
    if below == "zero":
        return f"{cardinal(numerator)} over zero"
    if below == "one":
        return cardinal(numerator)
    if below == "two":
        return f"{cardinal(numerator)} {'half' if one else 'halves'}"
    return f"{cardinal(numerator)} {ordinal(denominator)}{'' if one else 's'}"

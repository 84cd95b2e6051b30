"""Money, measures, ranges and other numbers in English text, spelled out the way they are said.

Text in, text out, after english_dates.py took its share. Knows nothing of phonemes.
"""

from __future__ import annotations

import re

from core_model.text import numbers
from core_model.text.english_dates import spell_year

_MONEY = {  # sign: one, many, one part, many parts
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "jeon", "jeon"),
}
_SCALES = {"k": "thousand", "K": "thousand", "m": "million", "M": "million", "bn": "billion", "B": "billion"}
_UNITS = """mm=millimeter cm=centimeter m=meter km=kilometer in=inch/inches ft=foot/feet yd=yard mi=mile mg=milligram
    g=gram kg=kilogram lb=pound lbs=pound oz=ounce ml=milliliter mL=milliliter l=liter L=liter gal=gallon tsp=teaspoon
    tbsp=tablespoon ms=millisecond s=second sec=second secs=second min=minute mins=minute h=hour hr=hour hrs=hour
    km/h=kilometer_per_hour kph=kilometer_per_hour mph=mile_per_hour m/s=meter_per_second Hz=hertz/hertz
    kHz=kilohertz/kilohertz MHz=megahertz/megahertz GHz=gigahertz/gigahertz kB=kilobyte KB=kilobyte MB=megabyte
    GB=gigabyte TB=terabyte kbps=kilobit_per_second Mbps=megabit_per_second Gbps=gigabit_per_second W=watt kW=kilowatt
    MW=megawatt kWh=kilowatt_hour/kilowatt_hours V=volt dB=decibel px=pixel rpm=revolution_per_minute
    °C=degree_Celsius °F=degree_Fahrenheit °=degree %=percent/percent"""
_ATTACHED_ONLY = frozenset({"in", "l", "mi"})  # with a space before it, more likely a word or a slip
_NUMBER = r"(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"


def _plural_unit(entry: str) -> tuple[str, str, str]:
    sign, _, names = entry.partition("=")
    one, _, many = names.replace("_", " ").partition("/")
    head, space, rest = one.partition(" ")
    return sign, one, many or f"{head}s{space}{rest}"


_UNIT_NAMES = {sign: (one, many) for sign, one, many in map(_plural_unit, _UNITS.split())}
_UNIT_SIGNS = "|".join(re.escape(sign) for sign in sorted(_UNIT_NAMES, key=len, reverse=True))

_MEASURE = re.compile(rf"(?<![\w.,]){_NUMBER}([ -]?)({_UNIT_SIGNS})([²³])?(?![\w/²³])(\.(?=,|\s+[a-z]))?")
_FEET_INCHES = re.compile(r"(?<![\w.])(\d+)'\s?(\d+)\"")
_MONEY_BEFORE = re.compile(
    rf"(?:\b(?:US|CA?|AU?|NZ|HK))?([$£€¥₹₩])\s?{_NUMBER}(?:\s?(thousand|million|billion|trillion|[kKmMB]|bn)\b)?"
)
_MONEY_AFTER = re.compile(rf"(?<![\w.,]){_NUMBER}\s?([$£€¥₹₩])")
_CENTS = re.compile(r"(?<![\w.,])(\d+)\s?¢")
_PHONE = re.compile(r"(?<![\w.,-])(?:\+?(\d{1,3})[ .-])?(?:\((\d{3})\)\s?|(\d{3})[ .-])?(\d{3})-(\d{4})(?![\w-])")
_VERSION = re.compile(r"(?<![\d.])\d+(?:\.\d+){2,}(?![\w])")
_MIXED = re.compile(r"(?<![\d./])(\d+)\s(\d{1,2})/(\d{1,3})(?![\d/])")
_FRACTION = re.compile(r"(?<![\d./\w])(\d{1,3})/(\d{1,3})(?![\d/\w])")
_RANGE = re.compile(r"(?<![\w.,-])(\d[\d,]*(?:\.\d+)?)\s?[-–—]\s?(?=[$£€]?\d)(?!\d+-)")
_RATIO = re.compile(r"(?<![\w.:])(\d+):(\d+)(?![\w:])")
_ORDINAL = re.compile(r"(?<![\w.,])(\d[\d,]*)(?:st|nd|rd|th)\b", re.IGNORECASE)
_PLAIN = re.compile(rf"(?<![\d]){_NUMBER}")


def spell_amounts(text: str) -> str:
    """*text* with every number in words, and with it the sign of money or measure that belongs to it."""
    text = re.sub(r"\b24/7\b", "twenty-four seven", text)
    text = _PHONE.sub(lambda found: _digit_by_digit(found.groups()), text)
    text = re.sub(r"(?<![\w.,)])[-−](?=[$£€]?\d)", "minus ", text)
    text = _MIXED.sub(lambda found: f"{found[1]} and {numbers.fraction(found[2], found[3])}", text)
    text = re.sub(r"(\d)([$£€¢%°]?)\s?[–—]\s?(?=[$£€]?\d)", r"\1\2 to ", text)
    text = _RANGE.sub(r"\1 to ", text)
    text = _MONEY_BEFORE.sub(lambda found: _money(found[1], found[2], found[3] or ""), text)
    text = _MONEY_AFTER.sub(lambda found: _money(found[2], found[1], ""), text)
    text = _CENTS.sub(lambda found: f"{spell(found[1])} cent{'' if found[1] == '1' else 's'}", text)
    text = _FEET_INCHES.sub(lambda found: f"{spell(found[1])} foot {spell(found[2])}", text)
    text = _MEASURE.sub(_measure, text)
    text = _VERSION.sub(lambda found: " " + " point ".join(map(spell, found[0].split("."))), text)
    text = _FRACTION.sub(lambda found: numbers.fraction(found[1], found[2]), text)
    text = _RATIO.sub(lambda found: f"{spell(found[1])} to {spell(found[2])}", text)
    text = _ORDINAL.sub(lambda found: numbers.ordinal(found[1].replace(",", "")), text)
    text = re.sub(r"(?<=[A-Za-z])-?(?=\d)|(?<=\d)(?=[A-Za-z])", " ", text)  # a1b2, MP3, COVID-19
    return _PLAIN.sub(lambda found: spell(found[1]), text)


def spell(number: str) -> str:
    """A number as written, commas and point included, in words without pauses."""
    if "," not in number and number.isdigit():
        said = numbers.digits(number) if number[0] == "0" and len(number) > 1 else spell_year(number)
    else:
        whole, _, part = number.replace(",", "").partition(".")
        said = numbers.decimal(whole, part) if part else numbers.cardinal(whole)
    return said.replace(",", "")


def _quantity(number: str) -> str:
    """Like `spell`, but 1984 of something is one thousand nine hundred eighty-four."""
    whole, _, part = number.replace(",", "").partition(".")
    return (numbers.decimal(whole, part) if part else numbers.cardinal(whole)).replace(",", "")


def _digit_by_digit(groups: tuple[str | None, ...]) -> str:
    return ", ".join(numbers.digits(group) for group in groups if group)


def _money(sign: str, amount: str, scale: str) -> str:
    one, many, one_part, many_parts = _MONEY[sign]
    if scale:
        return f"{_quantity(amount)} {_SCALES.get(scale, scale)} {many}"
    whole, _, part = amount.replace(",", "").partition(".")
    if len(part) > 2:
        return f"{_quantity(amount)} {many}"
    cents = int((part + "0")[:2]) if part else 0
    said = []
    if int(whole or "0") or not cents:
        said.append(f"{_quantity(whole or '0')} {one if int(whole or '0') == 1 else many}")
    if cents:
        said.append(f"{numbers.cardinal(str(cents))} {one_part if cents == 1 else many_parts}")
    return " and ".join(said)


def _measure(found: re.Match[str]) -> str:
    number, gap, sign, power = found[1], found[2], found[3], found[4]
    if gap and sign in _ATTACHED_ONLY and not found[5]:  # "5 in the morning", but "5 in. of rain"
        return found[0]
    one, many = _UNIT_NAMES[sign]
    name = one if number == "1" or gap == "-" else many
    if power:
        name = f"{'square' if power == '²' else 'cubic'} {name}"
    return f"{_quantity(number)} {name}"

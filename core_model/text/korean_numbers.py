"""Digits in Korean text, spelled out: before a noun that counts as a number, elsewhere one by one.

Knows nothing of sounds. Some counters take native numerals (세 개, three pieces), the others Sino-Korean ones (삼 년).
After g2pK (Kyubyong Park); upstream's reading has its mistakes, which its voices learned: 일십억 for 십억, 이십만 for
21만.
"""

from __future__ import annotations

import re

from core_model.text.korean_marks import COUNTER

_COUNTED = re.compile(f"(\\d[\\d,]*)([ㄱ-힣]+){COUNTER}")
# Counters that take native numerals. A part of one of them counts too, as it does for g2pK: 리 of 마리.
_NATIVE = (
    "군데 권 개 그루 닢 대 두 마리 모 모금 뭇 발 발짝 방 번 벌 보루 살 수 술 시 쌈 움큼 정 짝 채 척 첩 축 켤레 톨 통"
)
_DIGITS = dict(zip("0123456789", "영일이삼사오육칠팔구", strict=True))
_NATIVE_ONES = dict(zip("123456789", ["한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉"], strict=True))
_NATIVE_TENS = dict(zip("123456789", ["열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔"], strict=True))
_UNITS = ("", "십", "백", "천")
_GROUPS = ("", "만", "억", "조")


def spell_out(text: str, *, as_upstream: bool) -> str:
    """*text*, its counters marked, without digits and without those marks."""
    text = _COUNTED.sub(
        lambda found: read_number(found[1], native=found[2] in _NATIVE, as_upstream=as_upstream) + found[2], text
    )
    return re.sub("[0-9]", lambda digit: _DIGITS[digit[0]], text.replace(COUNTER, ""))


def read_number(number: str, *, native: bool, as_upstream: bool) -> str:
    """*number* (digits and commas) in words; with *native*, tens and ones in native numerals."""
    digits = number.replace(",", "")
    if digits == "0":
        return _DIGITS["0"]
    if native and digits == "20":
        return "스무"
    if len(digits) > len(_UNITS) * len(_GROUPS):  # no name reaches so far
        return "".join(_DIGITS.get(digit, "") for digit in digits)
    words: list[str] = []
    for place, digit in zip(range(len(digits) - 1, -1, -1), digits, strict=True):
        group, unit = divmod(place, len(_UNITS))
        if digit == "0" and (unit or not "".join(words[-3:])):
            words.append("")
        elif native and place == 1:
            words.append(_NATIVE_TENS.get(digit, ""))
        elif native and place == 0:
            words.append(_NATIVE_ONES.get(digit, ""))
        else:
            bare = 0 < place < 8 if as_upstream else bool(unit) or (group == 1 and not "".join(words))
            name = "" if digit == "0" or (digit == "1" and bare) else _DIGITS.get(digit, "")  # 백, not 일백
            words.append(name + (_UNITS[unit] if unit else _GROUPS[group]))
    return "".join(words)

"""Dates and times in a Chinese sentence, written out.

    2024年3月15日 二零二四年三月十五日    2025/06/01 二零二五年六月一日    9:30-18:05 九点半至十八点零五分

Knows nothing of other numbers. Rules: PaddleSpeech's zh_normalization (Apache-2.0), with 半 for thirty minutes.
"""

from __future__ import annotations

import re

from core_model.text.chinese.numerals import cardinal, digits, spoken

_DATE = re.compile(
    r"(?P<year>[0-9]{4}|[0-9]{2})年"
    r"(?:(?P<month>0?[1-9]|1[0-2])月)?"
    r"(?:(?P<day>0?[1-9]|[12][0-9]|30|31)(?P<name>[日号]))?"
)
_DATE_WITH_SIGNS = re.compile(
    r"(?P<year>[0-9]{4})(?P<sign>[- /.])(?P<month>0[1-9]|1[012])(?P=sign)(?P<day>0[1-9]|[12][0-9]|3[01])"
)
_ONE_TIME = r"([0-1]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?"
_TIME = re.compile(_ONE_TIME)
_TIME_RANGE = re.compile(f"{_ONE_TIME}[~-]{_ONE_TIME}")


def write_out(sentence: str) -> str:
    """*sentence* with its dates and times in characters."""
    sentence = _DATE.sub(_date, sentence)
    sentence = _DATE_WITH_SIGNS.sub(_date, sentence)
    sentence = _TIME_RANGE.sub(lambda match: f"{_time(*match.groups()[:3])}至{_time(*match.groups()[3:])}", sentence)
    return _TIME.sub(lambda match: _time(*match.groups()), sentence)


def _date(match: re.Match[str]) -> str:
    parts = match.groupdict()
    written = digits(parts["year"]) + "年"
    if parts["month"]:
        written += cardinal(parts["month"]) + "月"
    if parts["day"]:
        written += cardinal(parts["day"]) + parts.get("name", "日")
    return written


def _time(hour: str, minute: str, second: str | None) -> str:
    written = spoken(hour) + "点"
    if minute == "30":
        written += "半"
    elif minute != "00":
        written += _with_zero(minute) + "分"
    if second and second != "00":
        written += _with_zero(second) + "秒"
    return written


def _with_zero(number: str) -> str:
    return ("零" if number.startswith("0") else "") + spoken(number.lstrip("0"))

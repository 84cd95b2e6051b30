"""What a listener expects where upstream's rules go wrong: numbers and signs written out before those rules see them.

    -3.5 负三点五    20-30人 二十到30人    2月 二月    16:9 十六比九    60km/h 每小时六十千米    $2.5 二点五美元

Only for the plain reading: a voice that was trained with GPT-SoVITS learned its mistakes. Chinese and Cantonese share
it. What it does not know it leaves to quantities.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from core_model.text.chinese.numerals import cardinal, digits, spoken

_HALF_WIDTH = str.maketrans("０１２３４５６７８９％＋－＝−〇", "0123456789%+-=-零")
_WHOLE = "(?<![0-9.])[0-9]++"
_NUMBER = rf"{_WHOLE}(?:\.[0-9]++)?(?![0-9.])"

_CLOCK = re.compile(r"(?<![0-9])([0-9]{1,2})：([0-5][0-9])(?![0-9])")
_THOUSANDS = re.compile(r"(?<![0-9,.])([0-9]{1,3}(?:,[0-9]{3})+)(?![0-9,])")
_PHONE = re.compile(
    r"(?<![0-9-])(?:(?:\+?86[- ]?)?1[3-9][0-9][- ]?[0-9]{4}[- ]?[0-9]{4}"
    r"|[48]00-[0-9]{3}-?[0-9]{4}|0[1-9][0-9]{1,2}-[0-9]{7,8})(?![0-9-])"
)
_MONEY = re.compile(rf"([￥¥$€£])({_NUMBER})([万亿]*)(?:元|块|蚊)?")
_CURRENCIES = {"￥": "元", "¥": "元", "$": "美元", "€": "欧元", "£": "英镑"}
_SPEED = re.compile(f"({_NUMBER})(km|m)/(h|s)(?![A-Za-z])")
_UNITS = {
    "km": "千米",
    "m": "米",
    "cm": "厘米",
    "mm": "毫米",
    "kg": "千克",
    "g": "克",
    "mg": "毫克",
    "ml": "毫升",
    "mL": "毫升",
    "L": "升",
    "h": "小时",
}
_MEASURE = re.compile(f"({_NUMBER})({'|'.join(sorted(_UNITS, key=len, reverse=True))})(?![A-Za-z²³0-9])")
_RATIO = re.compile(f"({_NUMBER}):({_NUMBER})(?![:点时分])")
_RANGE = re.compile(
    rf"(?<![0-9.A-Za-z+×÷=-])({_NUMBER})[-–]({_NUMBER})(?=(%)|(年)|[个人天月日号周岁次名件条张只小分秒元块米斤公千万亿克度级层页楼])"
)
_MONTH = re.compile(f"({_WHOLE})月")
_DAY = re.compile("(?<=月)([0-9]{1,2})([日号])")
_NEGATIVE = re.compile(r"(?<![0-9A-Za-z.)）%])-([0-9]++(?:\.[0-9]++)?)(?![0-9./%℃°度-])")
_DECIMAL = re.compile(rf"({_WHOLE}\.[0-9]++)(?![0-9.%℃°度])")


def read_aloud(text: str, currencies: Mapping[str, str] = _CURRENCIES) -> str:
    """*text* with what upstream would misread written out; *currencies*: the names of `￥¥$€£`."""
    text = _CLOCK.sub(r"\1:\2", text).translate(_HALF_WIDTH)
    text = _THOUSANDS.sub(_joined, text)
    text = _PHONE.sub(lambda match: _phone(match[0]), text)
    text = _MONEY.sub(lambda match: f"{spoken(match[2])}{match[3]}{currencies[match[1]]}", text)
    text = _SPEED.sub(
        lambda match: f"每{'小时' if match[3] == 'h' else '秒'}{_counted(match[1])}{_UNITS[match[2]]}", text
    )
    text = _MEASURE.sub(lambda match: f"{_counted(match[1])}{_UNITS[match[2]]}", text)
    text = _RATIO.sub(_ratio, text)
    text = _RANGE.sub(_range, text)
    text = _MONTH.sub(lambda match: f"{cardinal(match[1])}月", text)
    text = _DAY.sub(lambda match: f"{cardinal(match[1])}{match[2]}", text)
    text = _NEGATIVE.sub(lambda match: f"负{spoken(match[1])}", text)
    return _DECIMAL.sub(lambda match: spoken(match[1]), text)


def _counted(number: str) -> str:
    return "两" if number == "2" else spoken(number)


def _joined(match: re.Match[str]) -> str:
    """A number without its commas; in characters, or it could pass for a telephone, unless a sign or unit is by it."""
    number = match[1].replace(",", "")
    before, after = match.string[max(match.start() - 1, 0) : match.start()], match.string[match.end() : match.end() + 1]
    bare = before not in _CURRENCIES and not (after.isascii() and after.isalnum()) and after not in (".", "%", "-")
    return cardinal(number) if bare else number


def _phone(number: str) -> str:
    return "，".join(digits(part, ones_as_yao=True) for part in re.findall("[0-9]+", number))


def _ratio(match: re.Match[str]) -> str:
    """`16:9`; two digits after the colon that could be minutes are left to be a time of day."""
    first, second = match.groups()
    if len(second) == 2 and int(second) < 60 and len(first) < 3 and int(first) < 24:
        return match[0]
    return f"{spoken(first)}比{spoken(second)}"


def _range(match: re.Match[str]) -> str:
    first, second, percent, year = match.groups()
    if percent:
        return f"百分之{spoken(first)}到{second}"
    if year and len(first) == 4:
        return f"{digits(first)}到{second}"
    return f"{spoken(first)}到{second}"

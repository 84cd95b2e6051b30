"""Numbers in a Chinese sentence that are neither date nor time: sums, measures, shares, telephones, ranges.

    7-2=5 七减二等于五    150m² 一百五十平方米    3/4 四分之三    -5℃ 零下五度    5~6级 五到六级    00123 零零幺二三

Knows nothing of dates (chronology.py goes first, or `2025-06-01` were a subtraction). The order of the steps is the
order in which upstream's voices heard them: a minus between two numbers is always 减, telephone numbers included, and
`-3.5` is 负三零点五. Rules and lists: PaddleSpeech's zh_normalization (Apache-2.0); sums and powers by what the golden
front end shows.
"""

from __future__ import annotations

import re

from core_model.text.chinese.numerals import cardinal, digits, spoken

# Digits are taken whole, from the first on: a run of ten thousand is looked at once, not from each of its digits.
_WHOLE = "(?<![0-9])[0-9]++"
_DECIMAL = rf"{_WHOLE}(?:\.[0-9]++)?"

_MEASURES = {  # in this order: upstream replaces "m" before it sees "mm"
    "cm2": "平方厘米",
    "cm²": "平方厘米",
    "cm3": "立方厘米",
    "cm³": "立方厘米",
    "cm": "厘米",
    "db": "分贝",
    "ds": "毫秒",
    "kg": "千克",
    "km": "千米",
    "m2": "平方米",
    "m²": "平方米",
    "m³": "立方米",
    "m3": "立方米",
    "ml": "毫升",
    "m": "米",
    "mm": "毫米",
    "s": "秒",
}
_UNIT = "|".join(["%", "°C", "℃", "度", "摄氏度", *_MEASURES])
_RANGE_OF_MEASURES = re.compile(f"({_DECIMAL}(?:{_UNIT}))~(-?{_DECIMAL}(?:{_UNIT}))")
_TEMPERATURE = re.compile(f"(-?)({_DECIMAL})(?:°C|℃|度|摄氏度)")  # upstream says 度 for all of them

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ", "0123456789xyn", strict=True))
_POWER = re.compile(f"[{''.join(_SUPERSCRIPTS)}]+")
_SIGNS = {"+": "加", "-": "减", "×": "乘", "÷": "除", "=": "等于"}
_BETWEEN_OPERANDS = re.compile(rf"(?<=[0-9A-Za-z{''.join(_SUPERSCRIPTS)}])[-+×÷=](?=-?(?:[0-9A-Za-z]|\.[0-9]))")

_FRACTION = re.compile(f"(-?)({_WHOLE})/([0-9]+)")
_PERCENTAGE = re.compile(f"(-?)({_DECIMAL})%")
_MOBILE = re.compile(r"(?<![0-9])((?:\+?86)?1(?:[38][0-9]|5[0-35-9]|7[678]|9[89])[0-9]{8})(?![0-9])")
_TELEPHONE = re.compile(r"(?<![0-9])((?:0(?:10|2[1-3]|[3-9][0-9]{2})-?)?[1-9][0-9]{6,7})(?![0-9])")
_RANGE_END = rf"-?(?:{_DECIMAL}|\.[0-9]++)"
_RANGE = re.compile(f"(?<![0-9+×÷=-])({_RANGE_END})[-~]({_RANGE_END})(?![0-9+×÷=-])")
_NEGATIVE = re.compile("-([0-9]+)")
_WITH_POINT = re.compile(rf"(-?)({_WHOLE}\.[0-9]+)|(\.[0-9]+)")
_CODE = re.compile("[0-9]{3,}")
_NUMBER = re.compile(f"(-?)({_DECIMAL})")

_LARGE = "亿|千万|百万|万|千|百"
_CLASSIFIERS = (
    "封艘把目套段人所朵匹张座回场尾条个首阙阵网炮顶丘棵只支袭辆挑担颗壳窠曲墙群腔砣客贯扎捆刀令打手罗坡山岭江溪钟队单双对出口头脚板"
    "跳枝件贴针线管名位身堂课本页家户层丝毫厘分钱两斤铢石钧锱忽寸尺丈里寻常铺程米撮勺合升斗盘碗碟叠桶笼盆盒杯斛锅簋篮罐瓶壶卮盏箩箱煲啖"
    "袋钵年月日季刻时周天秒旬纪岁世更夜春夏秋冬代伏辈丸泡粒幢堆根道面片块元角毛"
)
_CLASSIFIED = re.compile(
    rf"({_WHOLE})([多余几+]?)([{_CLASSIFIERS}]|[千毫微]克|公分|(?:平方|立方)?[千分厘毫微]?米|小时|(?:{_LARGE}|美)元"
    rf"|(?:{_LARGE}|十)?吨|(?:{_LARGE})块?|公[里引丈尺寸分釐])"
)


def write_out(sentence: str) -> str:
    """*sentence* with every number, and the signs between numbers, in characters."""
    sentence = _RANGE_OF_MEASURES.sub(r"\1至\2", sentence)
    sentence = _TEMPERATURE.sub(lambda match: f"{'零下' if match[1] else ''}{spoken(match[2])}度", sentence)
    for sign, name in _MEASURES.items():
        sentence = sentence.replace(sign, name)
    sentence = _BETWEEN_OPERANDS.sub(lambda match: _SIGNS[match[0]], sentence)
    sentence = _POWER.sub(lambda match: f"的{''.join(map(_SUPERSCRIPTS.__getitem__, match[0]))}次方", sentence)
    sentence = _FRACTION.sub(lambda match: f"{_minus(match[1])}{cardinal(match[3])}分之{cardinal(match[2])}", sentence)
    sentence = _PERCENTAGE.sub(lambda match: f"{_minus(match[1])}百分之{spoken(match[2])}", sentence)
    sentence = _MOBILE.sub(lambda match: digits(match[1].lstrip("+"), ones_as_yao=True), sentence)
    sentence = _TELEPHONE.sub(lambda match: _telephone(match[1]), sentence)
    sentence = _RANGE.sub(lambda match: f"{_number(match[1])}到{_number(match[2])}", sentence)
    sentence = _NEGATIVE.sub(lambda match: f"负{cardinal(match[1])}", sentence)
    sentence = _WITH_POINT.sub(lambda match: f"{_minus(match[1])}{spoken(match[2] or match[3])}", sentence)
    sentence = _CLASSIFIED.sub(_classified, sentence)
    sentence = _CODE.sub(lambda match: digits(match[0], ones_as_yao=True), sentence)
    sentence = _NUMBER.sub(lambda match: f"{_minus(match[1])}{spoken(match[2])}", sentence)
    for sign, name in _SIGNS.items():  # what stands between no two numbers
        sentence = sentence.replace(sign, name[0])
    return sentence


def _minus(sign: str) -> str:
    return "负" if sign else ""


def _number(number: str) -> str:
    return f"{_minus(number[:1] if number.startswith('-') else '')}{spoken(number.lstrip('-'))}"


def _telephone(number: str) -> str:
    return "，".join(digits(part, ones_as_yao=True) for part in number.split("-"))


def _classified(match: re.Match[str]) -> str:
    number, more, classifier = match.groups()
    counted = cardinal(number)
    return f"{'两' if counted == '二' else counted}{'多' if more == '+' else more}{classifier}"

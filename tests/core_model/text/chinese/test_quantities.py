from __future__ import annotations

import pytest

from core_model.text.chinese.quantities import write_out

WRITTEN = {
    "3+5=8": "三加五等于八",
    "7-2=5": "七减二等于五",
    "6×7=42": "六乘七等于四十二",
    "8÷2=4": "八除二等于四",
    "+2.3%": "加百分之二点三",
    "x²+y³": "x的二次方加y的三次方",
    "2¹⁰": "二的十次方",
    "150m²": "一百五十平方米",
    "2kg": "两千克",
    "60km/h": "六十千米/h",
    "1/2": "二分之一",
    "-3/4": "负四分之三",
    "3%": "百分之三",
    "-0.5%": "负百分之零点五",
    "30%~50%": "百分之三十至百分之五十",
    "-5℃": "零下五度",
    "25.5°C": "二十五点五度",
    "38摄氏度": "三十八度",
    "5~6级": "五到六级",
    ".5~1米": "零点五到一米",
    "20-30人": "二十减三十人",
    "13812345678": "幺三八幺二三四五六七八",
    "+8613812345678": "八六幺三八幺二三四五六七八",
    "62345678": "六二三四五六七八",
    "400-820-8820": "四零零减八二零减八八二零",
    "-3": "负三",
    "-3.5": "负三零点五",
    "3.14": "三点一四",
    ".5": "零点五",
    "-.5": "减零点五",
    "1.2.3": "一点二零点三",
    "192.168": "一百九十二点一六八",
    "2月": "两月",
    "22名": "二十二名",
    "10多人": "十多人",
    "100+个": "一百多个",
    "567人": "五百六十七人",
    "5000万": "五千万",
    "2千米": "两千米",
    "123": "幺二三",
    "00123": "零零幺二三",
    "12": "十二",
    "0": "零",
}


@pytest.mark.parametrize(("text", "written"), WRITTEN.items())
def test_numbers_and_signs(text: str, written: str) -> None:
    assert write_out(text) == written


def test_a_long_chain_costs_no_more_than_its_length() -> None:
    chain = "-".join(["1"] * 5000)
    assert write_out(chain) == "减".join(["一"] * 5000)
    assert len(write_out("7" * 10_000)) == 10_000


def test_only_ascii_digits_are_digits() -> None:
    assert write_out("٣个") == "٣个"

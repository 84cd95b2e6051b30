from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_model.text.chinese.chinese_data import content
from core_model.text.chinese.normalisation import clean, parse_simplified, write_out
from core_model.text.chinese.plain_reading import read_aloud

SIMPLIFIED = parse_simplified(content("zh.simplified.txt").decode())

READ = {  # text: as the plain reading has it; upstream's mistake beside it
    "-3.5": "负三点五",  # 负三零点五
    "-0.5": "负零点五",  # 负零零点五
    "3.1415926": "三点一四一五九二六",  # 三.幺四幺五九二六
    "20-30人": "二十到三十人",  # 二十减三十人
    "30-50%": "百分之三十到百分之五十",
    "1990-2000年": "一九九零到二零零零年",
    "1-2月": "一到二月",
    "7-2=5": "七减二等于五",
    "2月29号": "二月二十九号",  # 两月
    "2月2日": "二月二日",
    "010-62345678": "零幺零,六二三四五六七八",  # 零幺零减六二...
    "400-820-8820": "四零零,八二零,八八二零",
    "138-1234-5678": "幺三八,幺二三四,五六七八",
    "16:9": "十六比九",  # 十六九
    "3:30": "三点半",
    "12：30": "十二点半",  # 十二,三十
    "50％": "百分之五十",  # 五十
    "10mm": "十毫米",  # 十米米
    "5mg": "五毫克",
    "100g": "一百克",
    "2kg": "两千克",
    "60km/h": "每小时六十千米",  # 六十千米每
    "150m²": "一百五十平方米",
    "￥199.99": "一百九十九点九九元",
    "$25.5元": "二十五点五美元",
    "￥3万": "三万元",
    "1,234,567人": "一百二十三万四千五百六十七人",  # 一,二三四,五百...
    "￥1,234.50": "一千二百三十四点五元",
    "1,200km": "一千二百千米",
    "二〇二四年": "二零二四年",  # 二二四年
    "-5℃": "零下五度",
    "-3/4": "负四分之三",
    "-5%": "负百分之五",
    "2024-09-01": "二零二四年九月一日",
    "192.168.1.1": "一百九十二点一六八零点一零点一",
    "他说：好": "他说,好",
}


@pytest.mark.parametrize(("text", "read"), READ.items())
def test_what_a_listener_expects(text: str, read: str) -> None:
    assert clean(write_out(read_aloud(text), SIMPLIFIED)) == read


@given(st.text(st.sampled_from("0123456789.-:：,%％$￥kmgh/月日年人℃²+= 好"), max_size=30))
def test_no_text_is_refused_and_no_digit_survives(text: str) -> None:
    assert not any(character.isdigit() for character in clean(write_out(read_aloud(text), SIMPLIFIED)))


@pytest.mark.parametrize(
    "text", ["7" * 10_000, "1-" * 5_000, "1.5" * 3_000, "1:" * 5_000, "1,234" * 2_000, "12km/" * 2_000]
)
def test_a_long_text_costs_no_more_than_its_length(text: str) -> None:
    started = time.process_time()
    read_aloud(text)
    assert time.process_time() - started < 1

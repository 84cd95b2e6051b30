from __future__ import annotations

import pytest

from core_model.text.chinese.chronology import write_out

WRITTEN = {
    "2024年3月15日": "二零二四年三月十五日",
    "2024年3月": "二零二四年三月",
    "99年": "九九年",
    "2008年08月08号": "二零零八年八月八号",
    "2025/06/01": "二零二五年六月一日",
    "2025-12-31": "二零二五年十二月三十一日",
    "2025.06.01": "二零二五年六月一日",
    "2025-6-1": "2025-6-1",  # without zeros it is no date upstream
    "9:00-18:00": "九点至十八点",
    "8:30~12:45": "八点半至十二点四十五分",
    "3:30": "三点半",
    "08:05": "八点零五分",
    "23:59:59": "二十三点五十九分五十九秒",
    "00:00:00": "零点",
    "7:00:09": "七点零九秒",
    "25:00": "2五点",  # twenty-five o'clock: upstream finds the five
    "2:1": "2:1",
}


@pytest.mark.parametrize(("text", "written"), WRITTEN.items())
def test_dates_and_times(text: str, written: str) -> None:
    assert write_out(text) == written

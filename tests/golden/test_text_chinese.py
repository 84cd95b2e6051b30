"""The Chinese front end against upstream's, in both symbol tables.

Positions that upstream would have asked the g2pW model about are listed in the rows and not compared.
"""

from __future__ import annotations

from typing import Any

import pytest

from core_model.errors import EmptyTextError
from core_model.text.chinese.spelling import Chinese
from core_model.text.phonemes import ids_of
from core_model.text.text_data import UPSTREAM, PackageData
from tests.golden.text_rows import rows

LEAST = 0.98  # of the rows of each table

# Public rows that differ, each with its reason; docs/text.md lists them. None does. The rows that upstream leaves empty
# (nothing but letters, pictures or spaces) are EmptyTextError here, which is no difference in what is spoken.
DIFFERENT: dict[str, str] = {}


def same(chinese: Chinese, row: dict[str, Any], table: str) -> bool:
    try:
        ours = chinese.spell(row["text"])
    except EmptyTextError:
        return row["phones"] == []
    uncertain = set(row["uncertain_phone_idx"])
    certain = [place for place in range(len(row["phones"])) if place not in uncertain]
    ids = ids_of(ours.symbols, table)
    return (
        ours.normalised == row["norm_text"]
        and list(ours.phonemes_per_character or ()) == row["word2ph"]
        and len(ours.symbols) == len(row["phones"])
        and all(ours.symbols[place] == row["phones"][place] and ids[place] == row["ids"][place] for place in certain)
    )


@pytest.mark.parametrize("table", ["v1", "v2"])
def test_rows_of_the_golden_front_end(table: str) -> None:
    chinese = Chinese(PackageData(UPSTREAM, table), table)
    recorded = rows(f"zh.{table}")
    different = {row["id"] for row in recorded if not same(chinese, row, table)}
    assert len(different) <= (1 - LEAST) * len(recorded)
    if recorded[0]["set"] == "public":
        assert different == {number for number in DIFFERENT if number.startswith(f"zh.{table}.")}

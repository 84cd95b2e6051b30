"""The Cantonese front end against upstream's."""

from __future__ import annotations

from typing import Any

import pytest

from core_model.errors import EmptyTextError
from core_model.text.cantonese import Cantonese
from core_model.text.phonemes import ids_of
from core_model.text.text_data import UPSTREAM, PackageData
from tests.golden.text_rows import rows

LEAST = 0.99  # of the rows of each table
DIFFERENT: dict[str, str] = {}  # public rows that differ, each with its reason; docs/text.md lists them. None does.


def same(cantonese: Cantonese, row: dict[str, Any], table: str) -> bool:
    try:
        ours = cantonese.spell(row["text"])
    except EmptyTextError:
        return row["phones"] == []
    counts = None if ours.phonemes_per_character is None else list(ours.phonemes_per_character)
    return (ours.normalised, list(ours.symbols), list(ids_of(ours.symbols, table)), counts) == (
        row["norm_text"],
        row["phones"],
        row["ids"],
        row["word2ph"],
    )


@pytest.mark.parametrize("table", ["v1", "v2"])
def test_rows_of_the_golden_front_end(table: str) -> None:
    cantonese = Cantonese(PackageData(UPSTREAM, table), table)
    recorded = rows(f"yue.{table}")
    different = {row["id"] for row in recorded if not same(cantonese, row, table)}
    assert len(different) <= (1 - LEAST) * len(recorded)
    if recorded[0]["set"] == "public":
        assert different == {number for number in DIFFERENT if number.startswith(f"yue.{table}.")}

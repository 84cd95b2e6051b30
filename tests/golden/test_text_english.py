"""The upstream reading of English against GPT-SoVITS's own, both tables: every certain position of every row."""

from __future__ import annotations

from typing import Any

import pytest

from core_model.errors import EmptyTextError
from core_model.text import english_data
from core_model.text.front_end import FrontEnd
from core_model.text.phonemes import Phonemes
from core_model.text.symbols import PUNCTUATION
from core_model.text.text_data import PackageData
from tests.golden.text_rows import rows

LEAST = 0.97  # of the rows of each table

# Public rows that differ, each with its reason; docs/text.md shows them. One that begins to match, or another, fails.
DIFFERENT: dict[str, str] = {}
# Nothing in them can be spoken: upstream makes "," of them, alone or before the mark. The language's own symbols are
# the same; the door refuses, because nobody wants to hear them.
REFUSED = {"008", "025", "031", "061", "073", "096"}


def same(ours: Phonemes, row: dict[str, Any]) -> bool:
    certain = [place for place in range(len(row["phones"])) if place not in row["uncertain_phone_idx"]]
    return (
        ours.normalised == row["norm_text"]
        and len(ours) == len(row["phones"])
        and all(ours.symbols[place] == row["phones"][place] for place in certain)
        and all(ours.ids[place] == row["ids"][place] for place in certain)
    )


@pytest.mark.parametrize("table", ["v1", "v2"])
def test_normalised_texts_phonemes_and_ids(table: str) -> None:
    front_end = FrontEnd(reading="upstream", table=table)
    english = english_data.load(PackageData("upstream", table))
    recorded, different, refused = rows(f"en.{table}"), set(), set()
    for row in recorded:
        number = row["id"].rsplit(".", 1)[1]
        if PUNCTUATION.issuperset(row["phones"]):
            with pytest.raises(EmptyTextError):
                front_end.phonemize(row["text"], "en")
            refused.add(number)
        if not same(english.symbols(row["text"]), row):
            different.add(number)
    assert len(different) <= (1 - LEAST) * len(recorded), sorted(different)
    if recorded[0]["set"] == "public":
        assert (different, refused) == (set(DIFFERENT), REFUSED)

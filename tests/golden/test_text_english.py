"""The upstream reading of English against GPT-SoVITS's own, both tables: every certain position of every row."""

from __future__ import annotations

import pytest

from core_model.errors import EmptyTextError
from core_model.text.front_end import FrontEnd
from tests.golden.text_rows import rows

# Rows that differ, each with its reason; docs/text.md shows them. One that begins to match, or another, fails the test.
DIFFERENT: dict[str, str] = {}
# Nothing in them can be spoken: upstream makes "," of them, alone or before the mark; this refuses.
REFUSED = {"008", "025", "031", "061", "073", "096"}


@pytest.mark.parametrize("table", ["v1", "v2"])
def test_normalised_texts_phonemes_and_ids(table: str) -> None:
    front_end = FrontEnd(reading="upstream", table=table)
    different, refused = set(), set()
    for row in rows(f"en.{table}"):
        number = row["id"].rsplit(".", 1)[1]
        try:
            ours = front_end.phonemize(row["text"], "en")
        except EmptyTextError:
            refused.add(number)
            continue
        certain = [place for place in range(len(row["phones"])) if place not in row["uncertain_phone_idx"]]
        if (
            ours.normalised != row["norm_text"]
            or len(ours) != len(row["phones"])
            or any(ours.symbols[place] != row["phones"][place] for place in certain)
            or any(ours.ids[place] != row["ids"][place] for place in certain)
        ):
            different.add(number)
    assert (different, refused) == (set(DIFFERENT), REFUSED)


@pytest.mark.parametrize("table", ["v1", "v2"])
def test_what_is_refused_makes_no_sound_upstream(table: str) -> None:
    for row in rows(f"en.{table}"):
        if row["id"].rsplit(".", 1)[1] in REFUSED:
            assert set(row["phones"]) <= set(",.!?…-")

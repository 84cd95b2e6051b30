"""Japanese against the golden front end of GPT-SoVITS: every row, symbols v1 and v2, with and without prosody marks.

Upstream used pyopenjtalk 0.4.1 with the dictionary open_jtalk_dic_utf_8 1.11, which it downloads at run time. Ours is
pyopenjtalk-plus, which carries a dictionary and rules of its own; ja.words.txt, japanese_accents.py and
japanese_counters.py undo both.

LIFECYCLE_TEXT_GOLDENS    the directory of ja.v1.jsonl and ja.v2.jsonl    default ../shared/upstream/text
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from core_model.errors import EmptyTextError
from core_model.text.japanese import Japanese
from core_model.text.phonemes import ids_of
from core_model.text.text_data import PackageData

GOLDENS = Path(os.environ.get("LIFECYCLE_TEXT_GOLDENS", Path(__file__).parents[3] / "shared" / "upstream" / "text"))
REQUIRED = 0.92  # of all rows, ignoring prosody marks
REQUIRED_WITH_PROSODY = 0.85

# Public rows that differ, each with its reason; all have upstream's phonemes, and a fall of pitch elsewhere.
DIFFERENT = {
    "034": "ﾊﾝｶｸｶﾀｶﾅ: no dictionary has the word; upstream's takes it for three, ours for one without an accent",
}
MARKS = {"[", "]", "UNK"}  # rise, fall, border of an accent phrase; v1 has UNK for all three


def rows(version: str) -> list[dict]:
    path = GOLDENS / f"ja.{version}.jsonl"
    if not path.is_file():
        pytest.skip(f"no golden front end: {path} is missing (set LIFECYCLE_TEXT_GOLDENS)")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def without_marks(symbols: list[str] | tuple[str, ...]) -> list[str]:
    return [symbol for symbol in symbols if symbol not in MARKS]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_symbols_and_ids(version: str) -> None:
    japanese, found = Japanese(PackageData("upstream"), version), rows(version)
    other_phonemes, different = set(), set()
    for row in found:
        spelled, uncertain = japanese.symbols(row["text"]), set(row["uncertain_phone_idx"])
        certain = [place for place in range(len(row["phones"])) if place not in uncertain]
        ids = ids_of(spelled.symbols)
        if (
            spelled.normalised == row["norm_text"]
            and len(ids) == len(row["phones"])
            and all(
                (spelled.symbols[place], ids[place]) == (row["phones"][place], row["ids"][place]) for place in certain
            )
        ):
            continue
        different.add(row["id"])
        if without_marks(spelled.symbols) != without_marks(row["phones"]):
            other_phonemes.add(row["id"])
    assert len(other_phonemes) <= (1 - REQUIRED) * len(found), sorted(other_phonemes)
    assert len(different) <= (1 - REQUIRED_WITH_PROSODY) * len(found), sorted(different)
    public = {row["id"] for row in found if row["set"] == "public"}
    assert different & public == {f"ja.{version}.{number}" for number in DIFFERENT}
    assert not other_phonemes & public


def test_a_row_without_a_sound_is_refused_though_upstream_makes_marks_of_it() -> None:
    japanese = Japanese(PackageData("upstream"), "v2")
    for row in (row for row in rows("v2") if row["set"] == "public"):
        if any(symbol.isalpha() and symbol != "UNK" for symbol in row["phones"]):
            assert japanese.spell(row["text"]).symbols
        else:
            with pytest.raises(EmptyTextError):
                japanese.spell(row["text"])

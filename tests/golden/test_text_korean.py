"""Korean against the golden front end of GPT-SoVITS: every row, symbols v1 (degenerate) and v2.

LIFECYCLE_TEXT_GOLDENS    the directory of ko.v1.jsonl and ko.v2.jsonl    default ../shared/upstream/text
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from core_model.errors import EmptyTextError
from core_model.text.korean import Korean
from core_model.text.phonemes import ids_of
from core_model.text.text_data import PackageData

GOLDENS = Path(os.environ.get("LIFECYCLE_TEXT_GOLDENS", Path(__file__).parents[3] / "shared" / "upstream" / "text"))
REQUIRED = 0.94
DIFFERENT: dict[str, str] = {}  # public rows that differ, each with its reason: none


def rows(version: str) -> list[dict]:
    path = GOLDENS / f"ko.{version}.jsonl"
    if not path.is_file():
        pytest.skip(f"no golden front end: {path} is missing (set LIFECYCLE_TEXT_GOLDENS)")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_symbols_and_ids(version: str) -> None:
    korean, found = Korean(PackageData("upstream"), version), rows(version)
    different = set()
    for row in found:
        spelled, uncertain = korean.symbols(row["text"]), set(row["uncertain_phone_idx"])
        certain = [place for place in range(len(row["phones"])) if place not in uncertain]
        ids = ids_of(spelled.symbols)
        if (
            len(spelled.symbols) != len(row["phones"])
            or spelled.normalised != row["norm_text"]
            or any(spelled.symbols[place] != row["phones"][place] for place in certain)
            or any(ids[place] != row["ids"][place] for place in certain)
        ):
            different.add(row["id"])
    assert len(different) <= (1 - REQUIRED) * len(found), sorted(different)
    public = {row["id"] for row in found if row["set"] == "public"}
    assert different & public == {name for name in DIFFERENT if name.startswith(f"ko.{version}.")}


def test_a_row_without_a_sound_is_refused_though_upstream_makes_marks_of_it() -> None:
    korean = Korean(PackageData("upstream"), "v2")
    for row in (row for row in rows("v2") if row["set"] == "public"):
        if any(symbol in "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎㅏㅐㅓㅔㅗㅜㅡㅣ" for symbol in row["phones"]):
            assert list(korean.spell(row["text"]).symbols)
        else:
            with pytest.raises(EmptyTextError):
                korean.spell(row["text"])

"""Cutting against GPT-SoVITS's own: every row identical, except the ones on which it raises."""

from __future__ import annotations

from core_model.text import cutting
from tests.golden.text_rows import rows


def test_cuts() -> None:
    different = []
    for row in rows("cuts"):
        if row["method"] == "split_big_text":
            ours: object = cutting.split_long(row["text"])
        else:
            ours = cutting.cut_lines(row["text"], row["method"])
        if (
            ours != row["out"] and "error" not in row["out"]
        ):  # upstream raises IndexError on nothing; ours gives nothing
            different.append((row["method"], row["text"]))
    assert different == []


def test_merge_short() -> None:
    assert [cutting.merge_short(row["arr"], row["threshold"]) for row in rows("merge_short")] == [
        row["out"] for row in rows("merge_short")
    ]


def test_pieces_and_even_marks() -> None:
    different = []
    for row in rows("pre_seg"):
        expected = row["texts"] if isinstance(row["texts"], list) else []  # upstream raises where there is nothing
        same = cutting.pieces(row["text"], row["lang"], row["method"]) == expected
        if not same or cutting.even_marks(row["text"]) != row["replace_consecutive"]:
            different.append((row["lang"], row["method"], row["text"]))
    assert different == []

"""docs/text.md shows the figures and every row that differs, as the tests here hold them.

`python -m tests.golden.test_text_docs` writes that part again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tests.golden import (
    test_text_cantonese,
    test_text_chinese,
    test_text_english,
    test_text_japanese,
    test_text_korean,
    test_text_preprocess,
)

PAGE = Path(__file__).parents[2] / "docs" / "text.md"
BLOCK = re.compile(r"(?<=<!-- rows -->\n).*?(?=<!-- /rows -->)", re.DOTALL)

# What is recorded: rows, what had to match, rows that differ with their reasons.
Recorded = tuple[str, str, str, Mapping[str, str]]


def recorded() -> list[Recorded]:
    """Every recording of the public set."""
    refused = dict.fromkeys(sorted(test_text_english.REFUSED), "nothing to say: upstream makes `,` of it, ours refuses")
    return [
        ("cuts", "185", "every line", {}),
        ("merge_short", "10", "every part", {}),
        ("pre_seg", "1230", "every piece", {}),
        ("langsegment", "224", "every segment", {}),
        ("en.v1, en.v2", "100 each", "text and phonemes", {**test_text_english.DIFFERENT, **refused}),
        ("zh.v1, zh.v2", "100 each", "text, phonemes, phonemes of each character", test_text_chinese.DIFFERENT),
        ("yue.v1, yue.v2", "100 each", "text, phonemes, phonemes of each character", test_text_cantonese.DIFFERENT),
        ("ko.v1, ko.v2", "100 each", "text and phonemes", test_text_korean.DIFFERENT),
        ("ja.v1, ja.v2", "100 each", "text and phonemes, marks of accent too", test_text_japanese.DIFFERENT),
        (
            "preprocess",
            "272",
            "text and phonemes of every piece with a sound in it",
            test_text_preprocess.ALL_DIFFERENT,
        ),
    ]


def block() -> str:
    """The part of the page between its marks."""
    lines = ["| recording | rows | compared | differ |", "|---|---|---|---|"]
    lines += [f"| {name} | {rows} | {what} | {len(differ) or 'none'} |" for name, rows, what, differ in recorded()]
    for name, _, _, differ in recorded():
        if differ:
            lines += ["", f"`{name}`:", "", "| row | why it differs |", "|---|---|"]
            lines += [f"| {row} | {reason} |" for row, reason in differ.items()]
    return "\n".join(lines) + "\n"


def test_the_page_shows_what_the_tests_hold() -> None:
    found = BLOCK.search(PAGE.read_text("utf-8"))
    assert found, "docs/text.md has lost its <!-- rows --> marks"
    assert found[0] == block(), "run `python -m tests.golden.test_text_docs`"


if __name__ == "__main__":
    PAGE.write_text(BLOCK.sub(lambda _: block(), PAGE.read_text("utf-8")), "utf-8")

"""The phoneme tables, against every phones/ids pair of the golden front end."""

import json
import os
from pathlib import Path

import pytest

from core_model.text.symbols import V1, V2

GOLDENS = Path(os.environ.get("LIFECYCLE_TEXT_GOLDENS", Path(__file__).parents[4] / "shared" / "upstream" / "text"))


def test_sizes_and_no_row_twice() -> None:
    assert len(V1) == len(set(V1)) == 322
    assert len(V2) == len(set(V2)) == 732
    assert V2[:322] == V1


@pytest.mark.parametrize(("version", "table", "seen"), [("v1", V1, 248), ("v2", V2, 465)])
def test_every_pair_of_the_goldens(version: str, table: tuple[str, ...], seen: int) -> None:
    if not GOLDENS.is_dir():
        pytest.skip(f"no golden front end at {GOLDENS}")
    pairs: set[tuple[str, int]] = set()
    for path in GOLDENS.glob(f"*.{version}.jsonl"):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            pairs.update(zip(row["phones"] or (), row["ids"] or (), strict=True))
    assert len(pairs) >= seen
    assert [(symbol, row, table[row]) for symbol, row in sorted(pairs) if table[row] != symbol] == []

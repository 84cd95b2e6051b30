"""Repair is whole or nothing: killed at 12 points, and on a disk that is full."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from archive import files, repairing
from archive.repairing import repair
from tests.archive.conftest import Small

ROOT = Path(__file__).resolve().parents[2]
POINTS = 12


def test_a_repair_that_is_killed_leaves_nothing_or_all_of_it(smalls: dict[str, Small], tmp_path: Path) -> None:
    whole = smalls["x25519"].data
    damaged = bytes(4096) + whole[4096:-2000]
    (tmp_path / "damaged.voice").write_bytes(damaged)
    for name in ("source", "whole", *map(str, range(POINTS))):
        (tmp_path / name).mkdir()
    call = [sys.executable, str(ROOT / "tests" / "archive" / "killing.py"), "repair", str(tmp_path), str(POINTS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=250, check=True)
    calls, *children = (json.loads(line) for line in done.stdout.splitlines())
    assert len(calls["calls"]) > POINTS
    assert (tmp_path / "whole" / "x.voice").read_bytes() == whole
    outcomes = []
    for child in children:
        directory = tmp_path / str(child["point"])
        assert child["killed"]
        outcomes.append((directory / "x.voice").exists())
        others = sorted(path for path in directory.iterdir() if path.name != "x.voice")
        assert others == files.leftovers(directory) and len(others) <= 1
        if outcomes[-1]:
            assert (directory / "x.voice").read_bytes() == whole
        else:
            repair(tmp_path / "damaged.voice", directory / "x.voice")
            assert [path.name for path in directory.iterdir()] == ["x.voice"]  # the next run removes what is left
    assert (tmp_path / "damaged.voice").read_bytes() == damaged
    assert outcomes == sorted(outcomes) and outcomes[-1] and not outcomes[0]


@pytest.mark.parametrize("step", ["_recover", "_complete"])
def test_a_disk_that_is_full(
    step: str, smalls: dict[str, Small], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, os.strerror(28))

    (tmp_path / "damaged.voice").write_bytes(bytes(4096) + smalls["x25519"].data[4096:])
    monkeypatch.setattr(repairing, step, full)
    with pytest.raises(OSError, match="No space left"):
        repair(tmp_path / "damaged.voice", tmp_path / "new.voice")
    assert [path.name for path in tmp_path.iterdir()] == ["damaged.voice"]

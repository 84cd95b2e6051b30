"""Repair: whatever is lost, as long as it is not too much, the new file is the old one to the byte."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from archive.bundle import check
from archive.errors import DestinationExistsError, NoRecoveryDataError, UnrepairableError
from archive.repairing import repair
from tests.archive.conftest import Small
from tests.archive.crafting import layout

Change = Callable[[bytes], bytes]


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written here is thrown away at once; test_files.py looks after durability."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


def repaired(directory: Path, damaged: bytes) -> bytes:
    """What repair makes of it; see that the old file is as it was, and that nothing else is left."""
    old, new = directory / "old.voice", directory / "new.voice"
    old.write_bytes(damaged)
    before = old.stat()
    repair(old, new)
    assert old.read_bytes() == damaged
    assert (old.stat().st_mtime_ns, old.stat().st_ctime_ns) == (before.st_mtime_ns, before.st_ctime_ns)
    assert sorted(path.name for path in directory.iterdir()) == ["new.voice", "old.voice"]
    data = new.read_bytes()
    new.unlink()
    return data


def flips(directory: Path, whole: bytes, count: int, seed: int) -> None:
    """One bit at a time, each in a fresh copy: found, and repaired."""
    rng = random.Random(seed)
    path = directory / "flipped.voice"
    for _ in range(count):
        bit = rng.randrange(8 * len(whole))
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        assert not check(path).whole, bit
        path.unlink()
        assert repaired(directory, bytes(data)) == whole, bit


def test_40_flipped_bits(smalls: dict[str, Small], tmp_path: Path) -> None:
    flips(tmp_path, smalls["x25519"].data, 40, seed=1)

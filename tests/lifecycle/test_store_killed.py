"""A process that writes through the store is killed at twelve points: what is found is the old file or the new one.

Linux only. The counting is that of tests/archive/killing.py: `sys.setprofile` sees every call into the system, so the
product knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lifecycle.store import Store, new_file
from tests.archive.killing import NEVER, run

OLD, NEW = b"old " * 40_000, b"new " * 50_000
POINTS = 12


def write_file(place: Path) -> None:
    with new_file(place / "home" / "speech.wav") as file:
        for begin in range(0, len(NEW), 20_000):
            file.write(NEW[begin : begin + 20_000])
            file.flush()


def write_voice(place: Path) -> None:
    with Store(place / "home").new_voice("anna") as directory:
        for name in ("voice.json", "weights.bin", "golden.bin"):
            (directory / name).write_bytes(NEW)


def points_of(action: Callable[[Path], None], place: Path) -> list[int]:
    """Every call that changes the disk, thinned out to twelve."""
    calls = run(action, place, NEVER)["calls"]
    assert isinstance(calls, list) and len(calls) >= POINTS
    return sorted({1 + point * (len(calls) - 1) // (POINTS - 1) for point in range(POINTS)})


@pytest.mark.parametrize("before", [None, OLD], ids=["nothing before", "a file before"])
def test_a_file_is_the_old_one_or_the_new_one(tmp_path: Path, before: bytes | None) -> None:
    def lay_out(name: str) -> Path:
        place = tmp_path / name
        (place / "home").mkdir(parents=True)
        if before is not None:
            (place / "home" / "speech.wav").write_bytes(before)
        return place

    found = set()
    for point in points_of(write_file, lay_out("whole")):
        place = lay_out(str(point))
        run(write_file, place, point)
        path = place / "home" / "speech.wav"
        content = path.read_bytes() if path.exists() else None
        assert content in (before, NEW), f"half written when killed at call {point}"
        found.add(content)
        write_file(place)
        assert path.read_bytes() == NEW
        assert [path.name for path in path.parent.iterdir()] == ["speech.wav"]  # the next run removes what is left
    assert found == {before, NEW}


def test_a_voice_is_whole_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    found = set()
    for point in points_of(write_voice, tmp_path / "whole"):
        place = tmp_path / str(point)
        place.mkdir()
        run(write_voice, place, point)
        store = Store(place / "home")
        found.add(store.names())
        if not store.names():
            write_voice(place)
        assert {path.name: path.read_bytes() for path in store.path("anna").iterdir()} == dict.fromkeys(
            ("voice.json", "weights.bin", "golden.bin"), NEW
        )
        store.clean_leftovers()  # an empty shell may wait for the next writer where the kill came after the rename
        assert [path.name for path in store.voices_directory.iterdir()] == ["anna"]
    assert found == {(), ("anna",)}

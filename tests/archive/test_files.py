"""Whole or not at all: killed at 12 points, failing, racing, and in the order that survives a power cut.

tests/lifecycle/test_verbs_killed.py kills at 200.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive import files
from archive.bundle import open_bundle, pack
from archive.errors import DestinationExistsError
from archive.ssh_keys import parse_trusted
from tests.archive.crafting import IDENTITY, STRANGER, drip
from tests.archive.signers import ANNA, NOW

ROOT = Path(__file__).resolve().parents[2]
POINTS = 12
OLD = b"the bundle that was here before"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Sources, a whole bundle, and one directory per kill, each with an older bundle in it."""
    (tmp_path / "source").mkdir()
    for name, size in {"a.bin": 100_000, "b.json": 30, "c.bin": 1_200_000}.items():
        (tmp_path / "source" / name).write_bytes(drip(name)(size))
    members = {path.name: path for path in (tmp_path / "source").iterdir()}
    pack(tmp_path / "whole.voice", members, recipients=[IDENTITY.recipient], rng=drip("killing"))
    for name in ["whole", *map(str, range(POINTS))]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.voice").write_bytes(OLD)
    return tmp_path


def killed(verb: str, place: Path, points: int = POINTS) -> Iterator[dict[str, object]]:
    call = [sys.executable, str(ROOT / "tests" / "archive" / "killing.py"), verb, str(place), str(points)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=250, check=True)
    return (json.loads(line) for line in done.stdout.splitlines())


def test_a_pack_that_is_killed_leaves_the_old_file_or_the_new_one(place: Path) -> None:
    new = (place / "whole.voice").read_bytes()
    told = killed("pack", place)
    calls = next(told)["calls"]
    assert isinstance(calls, list) and len(calls) > POINTS
    assert (place / "whole" / "x.voice").read_bytes() == new
    outcomes = []
    for child in told:
        directory = place / str(child["point"])
        outcomes.append((directory / "x.voice").read_bytes())
        assert child["killed"]
        assert outcomes[-1] in (OLD, new)
        others = sorted(path for path in directory.iterdir() if path.name != "x.voice")
        assert others == files.leftovers(directory)
        assert len(others) <= 1
        assert all(path.name.startswith(".x.voice.") for path in others)
    assert len(outcomes) == POINTS
    assert outcomes[0] == OLD and outcomes[-1] == new  # the points reach from before the first change to after the last


def test_a_refresh_that_is_killed_leaves_the_old_file_or_a_whole_new_one(place: Path) -> None:
    """One of the three signatures is random, so a new file is known by being whole and not by its bytes."""
    old = (place / "whole.voice").read_bytes()
    trusted = parse_trusted(ANNA.public_file())
    told = killed("reseal", place)
    calls = next(told)["calls"]
    assert isinstance(calls, list) and len(calls) > POINTS
    outcomes = []
    for child in told:
        directory = place / str(child["point"])
        assert child["killed"]
        outcomes.append((directory / "x.voice").read_bytes() == OLD)
        if not outcomes[-1]:
            with open_bundle(directory / "x.voice", [STRANGER], trusted=trusted, now=NOW) as new:
                assert new.outside.custody()[-1].bundle_id == new.verify()
        assert sorted(path for path in directory.iterdir() if path.name != "x.voice") == files.leftovers(directory)
    assert len(outcomes) == POINTS
    assert outcomes[0] and not outcomes[-1]
    assert (place / "whole.voice").read_bytes() == old
    left = next(directory for directory in sorted(place.iterdir()) if directory.is_dir() and files.leftovers(directory))
    pack(left / "x.voice", {}, public=True, redundancy=0)
    assert files.leftovers(left) == []  # the next run has cleaned up after the one that was killed


def test_an_extraction_that_is_killed_leaves_nothing_or_all_of_it(place: Path) -> None:
    told = killed("extract", place)
    calls = next(told)["calls"]
    assert isinstance(calls, list) and len(calls) > POINTS
    whole = {path.name: path.read_bytes() for path in (place / "whole" / "out").iterdir()}
    assert set(whole) == {"manifest.json", "a.bin", "b.json", "c.bin"}
    outcomes = []
    for child in told:
        directory = place / str(child["point"])
        assert child["killed"]
        outcomes.append((directory / "out").exists())
        if outcomes[-1]:
            assert {path.name: path.read_bytes() for path in (directory / "out").iterdir()} == whole
        others = sorted(path for path in directory.iterdir() if path.name not in ("x.voice", "out"))
        assert others == files.leftovers(directory)
        assert not (others and outcomes[-1])
    assert len(outcomes) == POINTS
    assert outcomes == sorted(outcomes) and outcomes[-1] and not outcomes[0]


def test_data_is_on_the_disk_before_its_name_is_and_the_name_before_we_return(place: Path) -> None:
    calls = next(killed("pack", place, 0))["calls"]
    assert isinstance(calls, list)
    renamed = calls.index("replace begins")
    last_write = max(index for index, call in enumerate(calls) if call == "write ended")
    assert last_write < calls.index("fsync begins") < calls.index("fsync ended") < renamed
    assert "fsync ended" in calls[calls.index("replace ended") :]
    extracted = next(killed("extract", place, 0))["calls"]
    assert isinstance(extracted, list)
    renamed = extracted.index("rename begins")
    assert extracted[:renamed].count("fsync ended") == 4 + 1  # every file, and the directory that holds them
    assert extracted[renamed:].count("fsync ended") == 1


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(OLD)
    with pytest.raises(KeyboardInterrupt), files.replacing(tmp_path / "x") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt), files.appearing(tmp_path / "y") as directory:
        (directory / "half").write_bytes(b"")
        raise KeyboardInterrupt
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"x": OLD}


def test_what_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    for make in (Path.mkdir, Path.touch):
        with pytest.raises(DestinationExistsError), files.appearing(tmp_path / "x") as directory:
            (directory / "ours").write_bytes(b"")
            make(tmp_path / "x")
        assert [path.name for path in tmp_path.rglob("*")] == ["x"]
        (tmp_path / "x").rmdir() if make is Path.mkdir else (tmp_path / "x").unlink()


def test_nobodys_file_or_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"theirs")
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("theirs", "link", "dangling"):
        with pytest.raises(FileExistsError):
            files.create(tmp_path / name)
    assert (tmp_path / "theirs").read_bytes() == b"theirs"
    assert not (tmp_path / "nowhere").exists()


def test_a_link_in_the_place_of_a_bundle_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"theirs")
    (tmp_path / "x").symlink_to(tmp_path / "theirs")
    with files.replacing(tmp_path / "x") as file:
        file.write(b"ours")
    assert (tmp_path / "theirs").read_bytes() == b"theirs"
    assert (tmp_path / "x").read_bytes() == b"ours" and not (tmp_path / "x").is_symlink()


def race(directory: Path, number: int) -> None:
    source = directory / f"source-{number}"
    source.write_bytes(drip(str(number))(300_000))
    for _ in range(3):
        pack(directory / "x.voice", {"a.bin": source}, public=True)
        try:
            with open_bundle(directory / "x.voice") as bundle:
                bundle.extract(directory / "out")
        except DestinationExistsError:
            pass


def test_runs_in_the_same_place_do_not_collide(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    runs = [context.Process(target=race, args=(tmp_path, number)) for number in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(120)
    assert [run.exitcode for run in runs] == [0, 0]
    assert files.leftovers(tmp_path) == []
    sources = [(tmp_path / f"source-{number}").read_bytes() for number in range(2)]
    with open_bundle(tmp_path / "x.voice") as bundle:
        assert bundle.read("a.bin") in sources
    assert (tmp_path / "out" / "a.bin").read_bytes() in sources


def test_leftovers_are_only_what_we_leave(tmp_path: Path) -> None:
    ours = tmp_path / ".anna.voice.0123456789abcdef.partial"
    for path in (ours, tmp_path / ".anna.partial", tmp_path / "x.0123456789abcdef.partial", tmp_path / "anna.voice"):
        path.touch()
    assert files.leftovers(tmp_path) == [ours]


def test_the_next_run_removes_what_a_dead_one_left_and_nothing_that_is_alive(tmp_path: Path) -> None:
    dead = tmp_path / ".x.voice.0123456789abcdef.partial"
    (dead / "deep").mkdir(parents=True)
    (dead / "deep" / "half").write_bytes(b"half")
    others = [tmp_path / ".y.voice.0123456789abcdef.partial", tmp_path / ".x.voice.more.0123456789abcdef.partial"]
    for path in others:
        path.mkdir()
    with files.building(tmp_path / "x.voice", "a") as alive:
        assert not dead.exists()
        with files.building(tmp_path / "x.voice", "a") as second:
            assert alive.exists()
            (second / "a").write_bytes(b"second")
        (alive / "a").write_bytes(b"first")
    assert (tmp_path / "x.voice").read_bytes() == b"first"
    dead.mkdir()
    with files.appearing(tmp_path / "x.voice.d"):
        assert dead.exists()
    assert files.leftovers(tmp_path) == sorted([dead, *others])


def test_a_link_that_looks_like_a_leftover_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / ".x.0123456789abcdef.partial").symlink_to(tmp_path / "precious")
    with files.appearing(tmp_path / "x"):
        pass
    assert (tmp_path / "precious").is_dir()
    assert (tmp_path / ".x.0123456789abcdef.partial").is_symlink()

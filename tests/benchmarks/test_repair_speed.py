"""Check and repair 1 GiB with recovery data, beside `par2` and `sha256sum` on the same bytes in the same run.

`par2 create`, `verify` and `repair` are the same program that ours calls, on the same blocks; ours also digests every
member and compares every packet, and repair makes the recovery data anew. Both sides bring what they write to the disk.
MiB/s of payload stand in extra_info, and the most memory that a child used.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from archive import par2_program, parity
from archive.bundle import check, pack
from archive.container import Region
from archive.repairing import repair

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]
SIZE_MIB = 1024
ROUNDS = 2


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole bundle, one with a gap of 4 %, and the same protected bytes with par2's own files beside them."""
    directory = tmp_path_factory.mktemp("repair-speed")
    with (directory / "plain").open("wb") as file:
        for _ in range(SIZE_MIB):
            file.write(os.urandom(2**20))
    pack(directory / "x.voice", {"weights/plain": directory / "plain"}, public=True)
    gap = (directory / "x.voice").stat().st_size // 25
    shutil.copyfile(directory / "x.voice", directory / "damaged.voice")
    with (directory / "damaged.voice").open("r+b") as file:
        file.seek(300 * 2**20)
        file.write(bytes(gap))
    (directory / "par2").mkdir()
    with (directory / "x.voice").open("rb") as file:
        found = parity.find(Region(file, 0, file.seek(0, 2), "x"))
        assert found
        file.seek(0)
        left = found.records.plan.data_bytes
        with (directory / "par2" / parity.PROTECTED).open("wb") as target:
            while piece := file.read(min(2**20, left)):
                left -= target.write(piece)
    return directory


def measure(benchmark: BenchmarkFixture, group: str, action: Callable[[], object], clear: Callable[[], None]) -> None:
    benchmark.group = f"{group} {SIZE_MIB} MiB"
    benchmark.pedantic(action, setup=clear, rounds=ROUNDS)
    benchmark.extra_info["MiB/s"] = round(SIZE_MIB / benchmark.stats.stats.median)
    benchmark.extra_info["MiB of memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    benchmark.extra_info["MiB of memory of a child"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    clear()


def par2(place: Path, *call: str, code: int = 0) -> None:
    done = subprocess.run([str(par2_program.find_program()), *call, "-q", "-m256"], cwd=place / "par2", check=False)
    assert done.returncode == code
    os.sync()


def nothing() -> None:
    pass


def test_check(benchmark: BenchmarkFixture, place: Path) -> None:
    measure(benchmark, "check", lambda: check(place / "x.voice"), nothing)


def test_check_of_a_damaged_one(benchmark: BenchmarkFixture, place: Path) -> None:
    measure(benchmark, "check", lambda: check(place / "damaged.voice"), nothing)


def test_check_by_sha256sum(benchmark: BenchmarkFixture, place: Path) -> None:
    call = ["sha256sum", str(place / "x.voice")]
    measure(benchmark, "check", lambda: subprocess.run(call, check=True, capture_output=True), nothing)


def test_archive_with_recovery_data(benchmark: BenchmarkFixture, place: Path) -> None:
    members, result = {"weights/plain": place / "plain"}, place / "new.voice"
    measure(benchmark, "recovery", lambda: pack(result, members, public=True), lambda: result.unlink(missing_ok=True))


def test_archive_without(benchmark: BenchmarkFixture, place: Path) -> None:
    members, result = {"weights/plain": place / "plain"}, place / "new.voice"
    measure(
        benchmark,
        "recovery",
        lambda: pack(result, members, public=True, redundancy=0),
        lambda: result.unlink(missing_ok=True),
    )


def test_recovery_data_by_par2(benchmark: BenchmarkFixture, place: Path) -> None:
    made = parity.plan((place / "par2" / parity.PROTECTED).stat().st_size, parity.DEFAULT_PERCENT)

    def clear() -> None:
        for path in (place / "par2").glob("made.*"):
            path.unlink()

    sizes = (f"-s{made.block_bytes}", f"-c{made.recovery_blocks}", "-n1")
    measure(benchmark, "recovery", lambda: par2(place, "create", *sizes, "made.par2", parity.PROTECTED), clear)
    par2(place, "create", *sizes, "made.par2", parity.PROTECTED)


def test_check_by_par2(benchmark: BenchmarkFixture, place: Path) -> None:
    measure(benchmark, "check", lambda: par2(place, "verify", "made.par2"), nothing)


def test_repair(benchmark: BenchmarkFixture, place: Path) -> None:
    new = place / "new.voice"
    measure(benchmark, "repair", lambda: repair(place / "damaged.voice", new), lambda: new.unlink(missing_ok=True))


def test_repair_by_par2(benchmark: BenchmarkFixture, place: Path) -> None:
    """It repairs in place and keeps the damaged file beside it."""
    target, kept = place / "par2" / parity.PROTECTED, place / "par2" / f"{parity.PROTECTED}.1"

    def damage() -> None:
        kept.unlink(missing_ok=True)
        with target.open("r+b") as file:
            file.seek(300 * 2**20)
            file.write(bytes(target.stat().st_size // 25))

    measure(benchmark, "repair", lambda: par2(place, "repair", "made.par2"), damage)

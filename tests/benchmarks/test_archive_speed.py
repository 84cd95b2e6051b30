"""Archive, check and restore 1 GiB, beside Debian's `age` and a plain copy of the same file in the same run.

Every side brings its data to the disk before it is done: ours because it always does, the others with a final sync.
`age` only encrypts; ours also digests every byte, five times on the way in (for the manifest, to see that it did not
change meanwhile, for the bundle id, for SHA256SUMS, for the whole file) and three times on the way out. The digests run
beside the rest where cores are free, so a busy machine slows ours down more. Recovery data is left out: that is PAR2's
time. What the encryption costs by itself is in test_age_speed.py. MiB/s of payload stand in extra_info.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from archive.age.keys import identity_file
from archive.age.x25519 import X25519Identity
from archive.bundle import check, open_bundle, pack

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]
SIZE_MIB = 1024
ROUNDS = 3
IDENTITY = X25519Identity.generate(os.urandom)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1 GiB that does not compress, a key, and the same encrypted by both."""
    directory = tmp_path_factory.mktemp("speed")
    with (directory / "plain").open("wb") as file:
        for _ in range(SIZE_MIB):
            file.write(os.urandom(2**20))
    (directory / "key.txt").write_text(identity_file(IDENTITY, created="for a benchmark"))
    members = {"weights/plain": directory / "plain"}
    pack(directory / "x.voice", members, recipients=[IDENTITY.recipient], redundancy=0)
    if shutil.which("age"):
        age("-r", str(IDENTITY.recipient), "-o", str(directory / "x.age"), str(directory / "plain"))
    return directory


def age(*call: str) -> None:
    subprocess.run(["age", *call], check=True)
    synced(Path(call[call.index("-o") + 1]))


def synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def measure(benchmark: BenchmarkFixture, group: str, action: Callable[[], object], result: Path | None) -> None:
    """Time *action*, its *result* cleared away before each round."""

    def clear() -> None:
        if result is not None:
            shutil.rmtree(result) if result.is_dir() else result.unlink(missing_ok=True)

    benchmark.group = f"{group} {SIZE_MIB} MiB"
    benchmark.pedantic(action, setup=clear, rounds=ROUNDS)
    benchmark.extra_info["MiB/s"] = round(SIZE_MIB / benchmark.stats.stats.median)
    clear()


def test_archive(benchmark: BenchmarkFixture, place: Path) -> None:
    members = {"weights/plain": place / "plain"}
    result = place / "new.voice"
    measure(benchmark, "archive", lambda: pack(result, members, recipients=[IDENTITY.recipient], redundancy=0), result)


def test_archive_public(benchmark: BenchmarkFixture, place: Path) -> None:
    members = {"weights/plain": place / "plain"}
    result = place / "new.voice"
    measure(benchmark, "archive", lambda: pack(result, members, public=True, redundancy=0), result)


@pytest.mark.skipif(shutil.which("age") is None, reason="needs age (Debian: apt install age)")
def test_archive_by_age(benchmark: BenchmarkFixture, place: Path) -> None:
    call = ("-r", str(IDENTITY.recipient), "-o", str(place / "new.age"), str(place / "plain"))
    measure(benchmark, "archive", lambda: age(*call), place / "new.age")


def test_archive_by_copying(benchmark: BenchmarkFixture, place: Path) -> None:
    def copy() -> None:
        shutil.copyfile(place / "plain", place / "copy")
        synced(place / "copy")

    measure(benchmark, "archive", copy, place / "copy")


def test_restore(benchmark: BenchmarkFixture, place: Path) -> None:
    def restore() -> None:
        with open_bundle(place / "x.voice", [IDENTITY]) as bundle:
            bundle.extract(place / "out")

    measure(benchmark, "restore", restore, place / "out")


@pytest.mark.skipif(shutil.which("age") is None, reason="needs age (Debian: apt install age)")
def test_restore_by_age(benchmark: BenchmarkFixture, place: Path) -> None:
    call = ("-d", "-i", str(place / "key.txt"), "-o", str(place / "plain.again"), str(place / "x.age"))
    measure(benchmark, "restore", lambda: age(*call), place / "plain.again")


def test_check_without_a_key(benchmark: BenchmarkFixture, place: Path) -> None:
    measure(benchmark, "check", lambda: check(place / "x.voice"), None)

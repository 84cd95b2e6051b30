"""The age stream alone, 1 GiB, beside Debian's `age` in the same run; and one member out of a bundle of that size.

From a file into nothing, as `age -o /dev/null` does it. The two take turns, so that whatever else the machine does
slows both. Each turn of ours is a process of its own, whose peak of memory is told; its start is not timed, while that
of `age`, a few ms, is. The figures stand in extra_info.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from archive.age.hybrid import HybridIdentity
from archive.age.keys import identity_file
from archive.age.x25519 import X25519Identity
from archive.bundle import open_bundle, pack

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]
SIZE_MIB = 1024
ROUNDS = 9
ROOT = Path(__file__).resolve().parents[2]
IDENTITY = X25519Identity.generate(os.urandom)
HYBRID = HybridIdentity.generate(os.urandom)
STREAM = """
import os, sys, time
from archive import beside
from archive.age import envelope
from archive.age.keys import parse_identities
from archive.container import Region
verb, source, keys = sys.argv[1:]
identities = parse_identities(open(keys).read())
sink = open("/dev/null", "wb", buffering=0)
with open(source, "rb", buffering=0) as file, beside.threads() as pool:
    started = time.perf_counter()
    if verb == "encrypt":
        envelope.encrypt(file.readinto, sink.write, [identities[0].recipient], os.urandom, pool)
    else:
        region = Region(file, 0, file.seek(0, 2), source)
        for piece in envelope.decrypt_in_order(region, identities, pool).everything():
            sink.write(piece)
    print(time.perf_counter() - started)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1 GiB that does not compress, and a key."""
    directory = tmp_path_factory.mktemp("speed")
    with (directory / "plain").open("wb") as file:
        for _ in range(SIZE_MIB):
            file.write(os.urandom(2**20))
    (directory / "key.txt").write_text(identity_file(IDENTITY, created="for a benchmark"))
    return directory


@pytest.mark.skipif(shutil.which("age") is None, reason="needs age (Debian: apt install age)")
@pytest.mark.parametrize("verb", ["encrypt", "decrypt"])
def test_stream_beside_age(verb: str, benchmark: BenchmarkFixture, place: Path) -> None:
    recipient = ("-r", str(IDENTITY.recipient))
    source, sealed, key = place / "plain", place / "x.age", place / "key.txt"
    if verb == "decrypt":
        subprocess.run(["age", *recipient, "-o", str(sealed), str(source)], check=True)
        source = sealed
    call = recipient if verb == "encrypt" else ("-d", "-i", str(key))
    ours, theirs, peaks = [], [], []

    def turn() -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", STREAM, verb, str(source), str(key)]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
        ours.append(float(told[0]))
        peaks.append(int(told[1]))
        started = time.perf_counter()
        subprocess.run(["age", *call, "-o", "/dev/null", str(source)], check=True)
        theirs.append(time.perf_counter() - started)

    benchmark.group = f"stream {SIZE_MIB} MiB"
    benchmark.pedantic(turn, rounds=ROUNDS)
    for name, times in (("ours", ours), ("age", theirs)):
        benchmark.extra_info[f"{name}, median MiB/s"] = round(SIZE_MIB / statistics.median(times))
        benchmark.extra_info[f"{name}, best MiB/s"] = round(SIZE_MIB / min(times))
    benchmark.extra_info["median ratio"] = round(statistics.median(b / a for a, b in zip(ours, theirs, strict=True)), 2)
    benchmark.extra_info["best ratio"] = round(min(theirs) / min(ours), 2)
    benchmark.extra_info["peak MiB"] = round(max(peaks) / 1024, 1)


@pytest.mark.parametrize("identity", [IDENTITY, HYBRID], ids=["x25519", "hybrid"])
def test_one_member(identity: X25519Identity | HybridIdentity, benchmark: BenchmarkFixture, place: Path) -> None:
    """Opening included: outer members, header, key, last chunk, manifest, and the member with its digest."""
    (place / "voice.json").write_text("{}")
    members = {"weights/plain": place / "plain", "voice.json": place / "voice.json"}
    pack(place / "x.voice", members, recipients=[identity.recipient], redundancy=0)

    def read() -> None:
        with open_bundle(place / "x.voice", [identity]) as bundle:
            bundle.read("voice.json")

    benchmark.group = f"one member of {SIZE_MIB} MiB"
    benchmark.pedantic(read, rounds=20)
    (place / "x.voice").unlink()

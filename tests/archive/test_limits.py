"""Memory stays below 64 MiB whatever the size: packing, checking, extracting, and the stand-alone reader."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archive.age.keys import identity_file
from tests.archive.crafting import IDENTITY

ROOT = Path(__file__).resolve().parents[2]
SIZE = 256 * 2**20
LIMIT_KIB = 64 * 1024
# The peak of this process alone: ru_maxrss would also hold what the test run had in memory when it forked.
PEAK = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
PACK = f"""
import sys
from pathlib import Path
from archive.bundle import check, open_bundle, pack
from archive.age.keys import parse_identities
place = Path(sys.argv[1])
identities = parse_identities((place / "key.txt").read_text())
pack(place / "x.voice", {{"a/huge.bin": place / "huge"}}, recipients=[identities[0].recipient])
assert check(place / "x.voice").whole
with open_bundle(place / "x.voice", identities) as bundle:
    bundle.extract(place / "out")
{PEAK}
"""
ALONE = f"""
import runpy, sys
place = sys.argv[1]
sys.argv = ["open_bundle.py", place + "/x.voice", place + "/alone", "-i", place + "/key.txt"]
runpy.run_path({str(ROOT / "archive" / "open_bundle.py")!r}, run_name="__main__")
{PEAK}
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_256_mib_pass_through_64(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(SIZE)
    (tmp_path / "key.txt").write_text(identity_file(IDENTITY, created="now"))
    for script in (PACK, ALONE):
        call = [sys.executable, "-c", script, str(tmp_path)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=250, check=False)
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) < LIMIT_KIB
    for name in ("out", "alone"):
        assert (tmp_path / name / "a" / "huge.bin").stat().st_size == SIZE

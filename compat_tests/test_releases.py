"""What earlier releases wrote is opened, checked, mended and verified by today's code, for ever.

Knows the bundle room, the stand-alone reader and the installed command line. `voices/RELEASE/` was made once by the
release of that name and is never made again; voices/README.md tells how.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from archive.age.keys import parse_identities
from archive.bundle import check, open_bundle
from archive.repairing import repair

ROOT = Path(__file__).resolve().parent.parent
VOICES = ROOT / "compat_tests" / "voices"
RELEASES = sorted(path for path in VOICES.iterdir() if path.is_dir()) if VOICES.is_dir() else []

pytestmark = pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)


def expected(release: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((release / "expected.json").read_text())
    return told


def lifecycle(*words: object, home: Path) -> subprocess.CompletedProcess[str]:
    """Call the toolkit as a program: the one of this checkout, before any that is installed."""
    environment = {**os.environ, "LIFECYCLE_HOME": str(home), "PYTHONPATH": str(ROOT)}
    program = "from lifecycle.cli import main; main(prog_name='lifecycle')"
    command = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250, check=False)


def test_its_bundles_open_with_the_ids_that_it_printed(release: Path, tmp_path: Path) -> None:
    keys = parse_identities((release / "key.txt").read_text())
    told = expected(release)
    with open_bundle(release / "ada.voice", keys) as base, open_bundle(release / "ada-later.voice", keys) as later:
        assert base.extract(tmp_path / "base") == told["bundle_id"]
        assert later.verify() == told["delta_id"]
        assert later.extract(tmp_path / "later", base) == told["whole_id"]
        assert [record.bundle_id for record in base.outside.require_custody()] == [told["bundle_id"]]
        assert base.attestation() is not None


def test_its_own_stand_alone_reader_and_todays_agree(release: Path, tmp_path: Path) -> None:
    """The reader inside the bundle is as old as the bundle; what it says must stay true."""
    subprocess.run(["tar", "-xf", release / "ada.voice", "open_bundle.py"], cwd=tmp_path, check=True)
    for name, reader in (("then", tmp_path / "open_bundle.py"), ("now", ROOT / "archive" / "open_bundle.py")):
        command = [sys.executable, "-I", reader, release / "ada.voice", tmp_path / name, "-i", release / "key.txt"]
        subprocess.run(command, check=True, timeout=60)
    files = {path.relative_to(tmp_path / "now"): path for path in (tmp_path / "now").rglob("*") if path.is_file()}
    assert len(files) > 10
    assert all((tmp_path / "then" / name).read_bytes() == path.read_bytes() for name, path in files.items())


def test_it_is_undamaged_and_what_it_loses_is_mended(release: Path, tmp_path: Path) -> None:
    whole = (release / "ada.voice").read_bytes()
    assert check(release / "ada.voice").damage == ()
    hurt = bytearray(whole)
    hurt[len(hurt) // 3 : len(hurt) // 3 + 2000] = bytes(2000)
    (tmp_path / "hurt.voice").write_bytes(hurt)
    assert check(tmp_path / "hurt.voice").damage
    repair(tmp_path / "hurt.voice", tmp_path / "mended.voice")
    assert (tmp_path / "mended.voice").read_bytes() == whole


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_its_signature_is_right_for_openssh(release: Path, tmp_path: Path) -> None:
    subprocess.run(["tar", "-xf", release / "ada.voice"], cwd=tmp_path, check=True)
    (tmp_path / "allowed").write_text("maker " + (release / "maker.pub").read_text())
    command = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "maker", "-n", "lifecycle-bundle@v1"]
    with (tmp_path / "payload.tar.age").open("rb") as payload:
        subprocess.run([*command, "-s", "payload.tar.age.sig"], stdin=payload, cwd=tmp_path, check=True)


def test_its_voice_still_speaks_as_it_did(release: Path, tmp_path: Path) -> None:
    """Through the command line of today, out of the delta and its base, on the runtime that needs no torch."""
    keys = ("-i", release / "key.txt", "--trust", release / "maker.pub")
    words = (
        "verify",
        release / "ada-later.voice",
        "--base",
        release / "ada.voice",
        *keys,
        "--runtime",
        "onnx",
        "--json",
    )
    run = lifecycle(*words, home=tmp_path)
    assert run.returncode == 0, run.stderr + run.stdout
    told = json.loads(run.stdout)
    assert told["bundle_id"] == expected(release)["whole_id"]
    layers = {layer["name"]: layer["verdict"] for layer in told["runtimes"]["onnx"]["layers"]}
    assert all(layers[name] == "passed" for name in ("fixity", "text", "tokens", "waveform")), layers


def test_it_is_restored_and_written_again(release: Path, tmp_path: Path) -> None:
    keys = ("-i", release / "key.txt", "--trust", release / "maker.pub")
    assert lifecycle("restore", release / "ada.voice", *keys, home=tmp_path).returncode == 0
    written = lifecycle("archive", "ada", "--public", "-o", tmp_path / "again.voice", home=tmp_path)
    assert written.returncode == 0, written.stderr

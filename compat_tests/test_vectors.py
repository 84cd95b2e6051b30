"""The stand-alone reader and the installed command line against every vector of a bundle, as a stranger would use them.

Knows two programs and what they promise: end with 1, say why, leave nothing. Imports nothing of the toolkit.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
READER = ROOT / "archive" / "open_bundle.py"
CLI = shutil.which("lifecycle") or str(Path(sys.executable).with_name("lifecycle"))
IDENTITY = "AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0SWQF6X8"  # of the bytes 0 to 31
VECTORS = sorted((ROOT / "compat_tests" / "vectors").glob("*.vector"))
BUNDLES = [path for path in VECTORS if b"\nreads: bundle\n" in path.read_bytes()[:300]]
A_FEW = ("name_above", "tar_symbolic_link", "tar_trailing_byte", "manifest_duplicate_key", "outer_later_format")


def laid_out(vector: Path, directory: Path) -> Path:
    """The bundle of a vector, alone in *directory*/inner, and a key beside it."""
    (directory / "inner").mkdir()
    (directory / "key.txt").write_text(IDENTITY + "\n")
    path = directory / "inner" / "hostile.voice"
    path.write_bytes(vector.read_bytes().partition(b"\n\n")[2])
    return path


def everything(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*")}


@pytest.mark.parametrize("vector", BUNDLES, ids=lambda path: path.stem)
def test_the_stand_alone_reader_refuses_it(vector: Path, tmp_path: Path) -> None:
    """The bundle is hostile; open_bundle.py must end with 1, say that nothing was opened, and leave nothing."""
    path = laid_out(vector, tmp_path)
    command = [sys.executable, "-I", READER, path, tmp_path / "inner" / "out", "-i", tmp_path / "key.txt"]
    run = subprocess.run(command, cwd=tmp_path / "inner", capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    assert "nothing was opened" in run.stderr
    assert "Traceback" not in run.stderr
    assert everything(tmp_path) == {"inner", "inner/hostile.voice", "key.txt"}


@pytest.mark.parametrize("name", A_FEW)
def test_the_command_line_refuses_it(name: str, tmp_path: Path) -> None:
    """`lifecycle restore` must end with 1, in one sentence and a hint, and restore nothing."""
    vector = next(path for path in VECTORS if path.stem == name)
    says = vector.read_text("latin-1").split("\n")[1].removeprefix("says: ")
    path = laid_out(vector, tmp_path)
    environment = {**os.environ, "LIFECYCLE_HOME": str(tmp_path / "home"), "COLUMNS": "400"}
    command = [CLI, "restore", str(path), "--as", "eve", "--accept-unsigned"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1, run.stderr
    assert says in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "home" / "voices" / "eve").exists()

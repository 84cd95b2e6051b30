"""Our own wheel: the same bytes whenever, wherever and under whatever umask, and one that pip and we both take."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from containers.wheel_writer import Metadata, write_wheel
from containers.wheels import Wheel

METADATA = Metadata("tomato", "1.0", "Red", ">=3.11", ("onion>=2",), {"tomato": "tomato:main"})


def made(directory: Path, *, umask: int = 0o022, mtime: int = 0) -> Path:
    previous = os.umask(umask)
    try:
        source = directory / "tomato"
        source.mkdir(parents=True)
        (source / "__init__.py").write_text("def main() -> None:\n    print('red')\n")
        os.utime(source / "__init__.py", (mtime, mtime))
        path = directory / METADATA.wheel_name
        with path.open("xb") as file:
            write_wheel(file, METADATA, {"tomato/__init__.py": source / "__init__.py"})
        return path
    finally:
        os.umask(previous)


def test_the_same_files_give_the_same_wheel(tmp_path: Path) -> None:
    first = made(tmp_path / "a")
    assert first.read_bytes() == made(tmp_path / "b" / "c", umask=0o077, mtime=1_700_000_000).read_bytes()


def test_our_own_strict_reader_takes_it(tmp_path: Path) -> None:
    with Wheel(made(tmp_path)) as wheel:
        assert wheel.requirements() == ("onion>=2",)
        assert "opt/tomato/__init__.py" in [
            one.path for one in wheel.members("opt", leave_out=(), architecture="amd64")
        ]


def test_pip_installs_it_with_its_command(tmp_path: Path) -> None:
    target = tmp_path / "target"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(target)]
    subprocess.run([*command, str(made(tmp_path))], check=True, capture_output=True)
    run = subprocess.run(
        [target / "bin" / "tomato"], env={"PYTHONPATH": str(target)}, capture_output=True, text=True, check=True
    )
    assert run.stdout == "red\n"

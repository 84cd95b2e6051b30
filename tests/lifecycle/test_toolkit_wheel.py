"""The toolkit's wheel is the toolkit: all that is installed, nothing that lies about, and the same every time."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from containers.wheels import Wheel
from lifecycle.toolkit_wheel import write_toolkit_wheel

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toolkit_wheel(tmp_path_factory.mktemp("wheel"))


def test_every_module_and_all_data_are_in_it(wheel: Path) -> None:
    with ZipFile(wheel) as packed:
        names = set(packed.namelist())
    for room in ("archive", "containers", "core_model", "lifecycle", "privacy"):
        modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / room).rglob("*.py")}
        assert modules <= names
    for name in (
        "compat_tests/suite.py",
        "compat_tests/RUNNER.md",
        "archive/SPEC.md",
        "containers/player/requirements.lock",
        "core_model/nano/base.safetensors",
    ):
        assert name in names
    assert not [name for name in names if "__pycache__" in name or name.startswith(("tests", "compat_tests/v"))]


def test_it_is_the_same_twice_and_keeps_its_own_record(wheel: Path, tmp_path: Path) -> None:
    assert write_toolkit_wheel(tmp_path).read_bytes() == wheel.read_bytes()
    with Wheel(wheel) as opened:
        assert any(line.startswith("numpy") for line in opened.requirements())


def test_it_carries_what_the_package_data_of_an_installed_toolkit_is(wheel: Path) -> None:
    """A file that git tracks in a room is in the wheel: what a checkout has, a wheel of pip's making must have too."""
    import subprocess

    listed = subprocess.run(
        ["git", "ls-files", "archive", "containers", "core_model", "lifecycle", "privacy"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is no checkout")
    with ZipFile(wheel) as packed:
        assert set(listed.stdout.split()) <= set(packed.namelist())

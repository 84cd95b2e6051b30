"""Environments: built by pip from what it is configured with, found again by their lock, whole or not there."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lifecycle.errors import EnvironmentNotBuiltError, InterpreterMissingError
from lifecycle.matrix.environments import environment_for
from lifecycle.matrix.rows import Row
from tests.lifecycle.matrix.wheels import offline, write_wheel

ROW = Row("onnx", "onnxruntime", "1.0", f"3.{sys.version_info.minor}", "native", 1, ("onnxruntime==1.0",))


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """pip's configuration: a directory of wheels, onnxruntime 1.0 among them."""
    write_wheel(tmp_path / "wheels", "onnxruntime", "1.0", {"onnxruntime.py": "who = 'the wheel'\n"})
    return offline(tmp_path / "wheels", os.environ)


def test_it_is_built_once_and_found_by_its_lock(tmp_path: Path, variables: dict[str, str]) -> None:
    told: list[str] = []
    first = environment_for(ROW, tmp_path / "cache", variables | {"PYTHONPATH": str(tmp_path)}, told.append)
    assert len(told) == 1 and first.packages["onnxruntime"] == "1.0"
    assert first.python.startswith(f"{ROW.python}.") and first.stand_ins == ()
    command = [str(first.interpreter), "-c", "import onnxruntime; print(onnxruntime.who)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "the wheel\n"
    # Other threads are the same environment; without the wheels it could not be built again.
    again = environment_for(replace(ROW, threads=2), tmp_path / "cache", {}, told.append)
    assert again == first and len(told) == 1
    assert [path.name for path in (tmp_path / "cache" / "matrix").iterdir()] == [first.sha256]
    # One whose Python has gone is no environment: it is built anew.
    first.interpreter.unlink()
    assert environment_for(ROW, tmp_path / "cache", variables, told.append) == first
    assert len(told) == 2 and first.interpreter.exists()


def test_a_version_that_does_not_exist_is_told_in_pips_own_words(tmp_path: Path, variables: dict[str, str]) -> None:
    row = replace(ROW, version="9.9", lock=("onnxruntime==9.9",))
    with pytest.raises(EnvironmentNotBuiltError) as error:
        environment_for(row, tmp_path / "cache", variables)
    assert str(error.value) == "No matching distribution found for onnxruntime==9.9"
    assert list((tmp_path / "cache" / "matrix").iterdir()) == []


def test_a_package_that_does_not_import_is_no_environment(tmp_path: Path, variables: dict[str, str]) -> None:
    write_wheel(tmp_path / "wheels", "onnxruntime", "1.1", {"onnxruntime.py": "raise ImportError('no such library')\n"})
    with pytest.raises(
        EnvironmentNotBuiltError, match=r"onnxruntime 1\.1 cannot be imported: ImportError: no such lib"
    ):
        environment_for(replace(ROW, version="1.1", lock=("onnxruntime==1.1",)), tmp_path / "cache", variables)
    assert list((tmp_path / "cache" / "matrix").iterdir()) == []


def test_a_python_that_is_not_there(tmp_path: Path, variables: dict[str, str]) -> None:
    with pytest.raises(InterpreterMissingError, match=r"there is no python3\.99 here"):
        environment_for(replace(ROW, python="3.99"), tmp_path / "cache", variables)


def test_a_shim_without_a_python_behind_it_is_no_python(tmp_path: Path, variables: dict[str, str]) -> None:
    shim = tmp_path / "bin" / "python3.98"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\necho 'python3.98: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    with pytest.raises(InterpreterMissingError):
        environment_for(replace(ROW, python="3.98"), tmp_path / "cache", variables | {"PATH": str(shim.parent)})
    shim.write_text("#!/bin/sh\necho 3.97\n")  # it answers, and is another
    with pytest.raises(InterpreterMissingError):
        environment_for(replace(ROW, python="3.98"), tmp_path / "cache", variables | {"PATH": str(shim.parent)})

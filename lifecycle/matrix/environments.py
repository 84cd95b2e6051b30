"""Environments of a matrix: a lock to a directory with an interpreter, built once, found again by the lock's hash.

Knows pip, from whatever index it is configured for, and no voice. Nothing is built from source: what has no wheel is
not installed. A directory has its name only when it is whole.

    CACHE/matrix/SHA-256 of the lock/      bin/python, environment.json
    CACHE/matrix/.SHA-256.XXXX.unfinished  what is being built, or what a killed build left
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from core_model.silence import SWITCHES
from lifecycle.errors import EnvironmentNotBuiltError, InterpreterMissingError, StandInError
from lifecycle.matrix.rows import Row
from lifecycle.matrix.stand_ins import write_stand_ins

_RECORD = "environment.json"
_BUILD_LIMIT_S = 3600  # a gigabyte over a slow line
_IMPORT_LIMIT_S = 300
_MISSING_LIBRARY = re.compile(r"lib\w+\.so\S*: cannot open shared object|lib\w+\.so\S* not found")  # loader's, torch's
_KEPT_OUT = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")  # what would bring this toolkit's packages in
# Found before anything of the environment is imported: what is really in it, under the names that pip gave it.
_INSTALLED = (
    "import importlib.metadata as m, json, platform, sys;"
    "print(json.dumps([platform.python_version(),"
    " {d.metadata['Name']: d.version for d in m.distributions(path=[p for p in sys.path if 'site-packages' in p])}]))"
)


@dataclass(frozen=True, slots=True)
class Environment:
    """A whole environment."""

    directory: Path
    sha256: str  # of the lock
    python: str  # the interpreter's own version, as "3.11.7"
    packages: dict[str, str]
    stand_ins: tuple[str, ...]  # libraries that are empty here

    @property
    def interpreter(self) -> Path:
        """The program to run."""
        return self.directory / "bin" / "python"


def environment_for(
    row: Row, cache: Path, variables: Mapping[str, str], tell: Callable[[str], None] = lambda note: None
) -> Environment:
    """The environment of *row*, built below *cache* if it is not there yet. *variables*: what pip is configured with.

    InterpreterMissingError, EnvironmentNotBuiltError; then there is no environment. OSError.
    """
    sha256 = hashlib.sha256(row.lock_text.encode()).hexdigest()
    directory = cache / "matrix" / sha256
    clean = {name: value for name, value in variables.items() if name not in _KEPT_OUT}
    if found := _read(directory, sha256):
        return found
    interpreter = _interpreter(row.python, clean)
    directory.parent.mkdir(parents=True, exist_ok=True)
    unfinished = directory.with_name(f".{sha256}.{secrets.token_hex(4)}.unfinished")
    try:
        tell(f"building {row.package} {row.version} for Python {row.python}")
        _build(interpreter, row, unfinished, clean)
        _publish(unfinished, directory)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    built = _read(directory, sha256)
    if built is None:
        raise EnvironmentNotBuiltError(f"{directory} was changed while it was built")
    return built


def _read(directory: Path, sha256: str) -> Environment | None:
    """What is in the cache; None if nothing is, or if the interpreter that it was built on has gone."""
    try:
        told = json.loads((directory / _RECORD).read_bytes())
        found = Environment(directory, sha256, told["python"], told["packages"], tuple(told["stand_ins"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if found.interpreter.exists() else None


def _interpreter(python: str, variables: Mapping[str, str]) -> str:
    """The path of a Python of this version. A program of that name may be a shim for one that is not there: ask it."""
    here = f"3.{sys.version_info.minor}" == python
    named = sys.executable if here else shutil.which(f"python{python}", path=variables.get("PATH"))
    if not named:
        raise InterpreterMissingError(python)
    try:
        command = [named, "-I", "-c", "import sys; print('3.%d' % sys.version_info[1])"]
        done = subprocess.run(command, capture_output=True, text=True, env=dict(variables), timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        raise InterpreterMissingError(python) from None
    if done.returncode or done.stdout.strip() != python:
        raise InterpreterMissingError(python)
    return named


def _build(interpreter: str, row: Row, directory: Path, variables: Mapping[str, str]) -> None:
    python = str(directory / "bin" / "python")
    venv, pip = [interpreter, "-I", "-m", "venv"], [python, "-I", "-m", "pip"]
    if interpreter == sys.executable and importlib.util.find_spec("pip"):  # spares 3 s and a pip in each environment
        venv, pip = [*venv, "--without-pip"], [interpreter, "-I", "-m", "pip", "--python", python]
    _run([*venv, str(directory)], variables, f"no venv can be made with Python {row.python}")
    lock = directory / "lock.txt"
    lock.write_text(row.lock_text)
    command = [*pip, "install", "--no-deps", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check"]
    _run([*command, "--no-warn-script-location", "-r", str(lock)], variables, "")
    stand_ins = _made_to_import(row, directory, python, variables)
    version, packages = json.loads(_run([python, "-I", "-c", _INSTALLED], variables, "the environment does not start"))
    found = Environment(directory, "", version, packages, stand_ins)
    record = {name: value for name, value in asdict(found).items() if name in ("python", "packages", "stand_ins")}
    (directory / _RECORD).write_text(json.dumps(record, indent=1, sort_keys=True))


def _made_to_import(row: Row, directory: Path, python: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    """Import the row's package; where CUDA's libraries are missing, with stand-ins for them. Return their names."""
    command = [python, "-I", "-c", f"import {row.package}"]
    quiet = {**variables, **SWITCHES}
    try:
        _run(command, quiet, "")
        return ()
    except EnvironmentNotBuiltError as error:
        libraries = next(directory.glob("lib/python3*/site-packages/torch/lib"), None)
        if libraries is None or not _MISSING_LIBRARY.search(error.output):
            raise EnvironmentNotBuiltError(f"{row.package} {row.version} cannot be imported: {error}") from None
    try:
        made = write_stand_ins(libraries)
    except StandInError as error:
        raise EnvironmentNotBuiltError(f"{row.package} {row.version} lacks CUDA's libraries, and {error}") from None
    _run(command, quiet, f"{row.package} {row.version} cannot be imported, even with stand-ins for CUDA's libraries")
    return made


def _publish(unfinished: Path, directory: Path) -> None:
    """Give a whole environment its name. One that another process finished first stays; a broken one goes."""
    if directory.exists() and _read(directory, directory.name) is None:
        shutil.rmtree(directory)
    try:
        unfinished.rename(directory)
    except OSError:
        if _read(directory, directory.name) is None:
            raise


def _run(command: list[str], variables: Mapping[str, str], problem: str) -> str:
    """Run a step of a build to its end; return what it said. EnvironmentNotBuiltError with the program's own words."""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=dict(variables),
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            said, complained = process.communicate(timeout=_BUILD_LIMIT_S)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise EnvironmentNotBuiltError(f"it was not built within {_BUILD_LIMIT_S} s") from None
            raise
    if process.returncode:
        told = _last_words(complained)
        raise EnvironmentNotBuiltError(f"{problem}: {told}" if problem else told, complained)
    return said


def _last_words(complained: str) -> str:
    """The line that says why: pip's last ERROR, else a traceback's last line."""
    lines = [line.strip() for line in complained.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["it failed without saying why"])[-1]

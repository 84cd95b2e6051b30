"""Install: the wheels that a bundle carries into a venv, on a machine without a container engine and without a network

Knows Python's venv and pip as programs. pip itself is one of the wheels, so neither pip nor ensurepip need be there.
What is installed runs as whoever runs it, with no walls: the bundle has to be signed by somebody trusted.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from archive.age.envelope import Identity
from containers.architecture import of_machine
from lifecycle.environment_directory import LOCK, WHEELS, Environment, Told
from lifecycle.environment_in_bundle import unpacked
from lifecycle.errors import EnvironmentExistsError, InstallError, OtherMachineError
from lifecycle.store import Store
from lifecycle.trusting import Judgement, Trust

_FOREIGN = ("PIP_", "PYTHON", "VIRTUAL_ENV")  # settings of this process that are none of the new one's


@dataclass(frozen=True, slots=True)
class Installed:
    """A venv with the toolkit in it."""

    directory: Path
    told: Told
    judgement: Judgement

    @property
    def program(self) -> Path:
        """The toolkit's command."""
        return self.directory / "bin" / "lifecycle"


def install(
    bundle_path: Path,
    directory: Path,
    identities: Sequence[Identity],
    store: Store,
    *,
    trust: Trust,
    base: Path | None = None,
    tell: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> Installed:
    """Make the new venv *directory* of the bundle's environment, whole or not at all.

    EnvironmentExistsError, OtherMachineError, InstallError; what `environment_in_bundle.unpacked` refuses.
    """
    if os.path.lexists(directory):
        raise EnvironmentExistsError(directory)
    tell(0, 2, "looking at every byte")
    with unpacked(bundle_path, identities, store, trust, base) as found:
        python = require_python(found.environment.told)
        tell(1, 2, "installing")
        try:
            _install(python, found.environment, directory)
        except BaseException:
            # Not renamed into place when it is whole: a venv's programs name the directory that they were made in.
            shutil.rmtree(directory, ignore_errors=True)
            raise
        return Installed(directory, found.environment.told, found.judgement)


def require_python(told: Told) -> str:
    """The interpreter for an environment's wheels. OtherMachineError, InstallError if this machine has none."""
    here = of_machine(platform.machine())
    if sys.platform != "linux" or here is None or here.image != told.architecture:
        found = f"{sys.platform} on {platform.machine()}"
        raise OtherMachineError("the environment", f"Linux on {told.architecture}", found)
    if told.python == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found_there = shutil.which(f"python{told.python}")
    if found_there is None:
        raise InstallError(f"its wheels are for Python {told.python}, and this machine has no python{told.python}")
    return found_there


def _install(python: str, environment: Environment, directory: Path) -> None:
    wheels = environment.directory / WHEELS
    pip = next(iter(sorted(wheels.glob("pip-*.whl"))), None)
    if pip is None:
        raise InstallError("the environment carries no pip to install its wheels with")
    _call(python, "-m", "venv", "--without-pip", str(directory))
    inside = str(directory.resolve() / "bin" / "python")
    _call(
        inside,
        f"{pip}/pip",
        *("install", "--quiet", "--no-index", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
        *("--no-cache-dir", "--disable-pip-version-check", "--find-links", str(wheels)),
        *("--requirement", str(environment.directory / LOCK)),
    )
    _call(inside, "-c", "import lifecycle.cli")


def _call(*command: str) -> None:
    """Run a program of the environment's; InstallError with its last words if it fails."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    settings |= {
        "PIP_CONFIG_FILE": os.devnull
    }  # whatever this machine's pip is told, these wheels are meant and no others
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise InstallError(f"{Path(command[0]).name} could not install the environment: {words[:300]}")

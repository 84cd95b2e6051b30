"""An older release in an environment of its own, asked to open and verify what today's code wrote.

Knows git, pip and the command line, and nothing of what is inside a release: it is a stranger's program. It runs on its
player, without torch, which is neither installed nor needed to open a bundle and let the voice speak.

    environment = Environment.make(tmp_path, today)      # with what the toolkit needs, but not the toolkit
    environment.install("v0.1.0")                        # a git reference or a wheel
    environment.call("verify", bundle, "--runtime", "onnx")
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_NOT_OF_THE_PLAYER = ("torch", "onnx", "matplotlib")  # networks, exports, pictures


def releases() -> list[dict[str, str]]:
    """What compat_tests/voices/releases.toml lists, the oldest first."""
    listed = tomllib.loads((ROOT / "compat_tests" / "voices" / "releases.toml").read_text())["release"]
    return list(listed)


@dataclass(frozen=True)
class Environment:
    """A virtual environment below *place*."""

    place: Path

    @classmethod
    def make(cls, place: Path) -> Environment:
        """One with the packages that the player needs, from the index that pip is configured for."""
        subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
        environment = cls(place)
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        needed = [r for r in project["dependencies"] if r.partition(">")[0].strip() not in _NOT_OF_THE_PLAYER]
        environment._pip("install", "--only-binary", ":all:", *needed)
        return environment

    def install(self, source: str) -> None:
        """Put the toolkit at *source* in the place of the one that is installed."""
        self._pip("install", "--no-deps", "--force-reinstall", str(self._tree(source)))

    def call(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Its `lifecycle`, from a directory in which nothing of today's lies."""
        program = self.place / "venv" / "bin" / "lifecycle"
        nothing_of_ours = {"PATH": "/usr/bin:/bin", "HOME": str(self.place), "LANG": "C.UTF-8"}
        command = [str(program), *map(str, words)]
        return subprocess.run(command, cwd=self.place, env=nothing_of_ours, capture_output=True, text=True, check=False)

    def _tree(self, source: str) -> Path:
        """The wheel, or the files of the git reference."""
        if source.endswith(".whl"):
            return ROOT / "compat_tests" / "voices" / source
        archive, tree = self.place / f"{source}.tar", self.place / source
        tree.mkdir()
        subprocess.run(["git", "archive", "-o", archive, source], cwd=ROOT, check=True, capture_output=True)
        subprocess.run(["tar", "-xf", archive, "-C", tree], check=True)
        return tree

    def _pip(self, *words: str) -> None:
        run = subprocess.run(
            [self.place / "venv" / "bin" / "python", "-m", "pip", "-q", *words],
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr


def has_commit(reference: str) -> bool:
    """Whether this clone has the commit: a shallow one has only the newest."""
    command = ["git", "cat-file", "-e", f"{reference}^{{commit}}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0

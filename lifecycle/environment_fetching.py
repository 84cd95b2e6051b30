"""Fetch: the wheels of a lock, from the index that this machine's pip knows. Only when a person says so.

Knows pip as a program and nothing of what is done with the wheels. pip compares each with the lock's hashes; what has
none there (docs/decisions/0006-locks.md) is fetched by its exact version.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from containers.locks import Pin, platform_tags
from containers.profiles import Profile
from lifecycle.errors import FetchError


def fetch(profile: Profile, architecture: str, directory: Path) -> None:
    """Put into *directory* the wheels of *profile* for that architecture. What is there already stays. FetchError."""
    directory.mkdir(parents=True, exist_ok=True)
    _download(profile, architecture, directory, ("--require-hashes", "--requirement", str(profile.lock)))
    for pin in profile.pins:
        if not pin.sha256 and not _is_there(pin, directory):
            _download(profile, architecture, directory, (f"{pin.name}=={pin.version}",))


def _download(profile: Profile, architecture: str, directory: Path, what: Sequence[str]) -> None:
    platforms = [flag for tag in platform_tags(architecture, profile.glibc) for flag in ("--platform", tag)]
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary", ":all:", "--python-version", profile.python, "--implementation", "cp"),
        *(*platforms, "--dest", str(directory), *what),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr.strip()]
        raise FetchError(f"pip could not fetch the wheels: {lines[0][:300]}")


def _is_there(pin: Pin, directory: Path) -> bool:
    return any(
        path.name.startswith((f"{pin.name}-{pin.version}-", f"{pin.name}-{pin.version}+"))
        for path in directory.glob("*.whl")
    )

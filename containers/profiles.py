"""Profiles: which Python, which lock and which runtime an environment is made of, and what its image does without.

Knows the files in this directory, and nothing of how they are used. A profile is a directory beside this file:

    system.toml                                                   the Debian below every image
    player/  profile.toml  requirements.in  requirements.lock
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from containers.locks import Pin, parse_lock

ROOT = Path(__file__).resolve().parent
NAMES = ("player", "torch")  # cuda is data for people: nobody has built it
SYSTEM = ROOT / "system.toml"
RECIPE = ROOT / "rootfs.sh"
DOCKERFILE = ROOT / "Dockerfile"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Patterns of files that the image does without, by where they come from."""

    base: tuple[str, ...]
    wheels: tuple[str, ...]
    toolkit: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile."""

    name: str
    python: str  # "3.11"
    glibc: tuple[int, int]
    runtime: str  # of the toolkit: onnx or torch
    pins: tuple[Pin, ...]
    left_out: LeftOut

    @classmethod
    def read(cls, name: str) -> Profile:
        """The profile *name* of this package. LockError; ValueError or KeyError for a profile that we wrote wrongly."""
        directory = ROOT / name
        system: dict[str, Any] = tomllib.loads(SYSTEM.read_text())
        told: dict[str, Any] = tomllib.loads((directory / "profile.toml").read_text())
        lock = directory / "requirements.lock"
        pins = parse_lock(lock.read_text(), f"{name}/{lock.name}", unhashed=told["unhashed"])
        major, minor = system["glibc"]
        patterns = {"base": system["leave_out"], **told["leave_out"]}
        left_out = LeftOut(**{kind: tuple(these) for kind, these in patterns.items()})
        return cls(name, system["python"], (major, minor), told["runtime"], pins, left_out)

    @property
    def lock(self) -> Path:
        """Its requirements.lock."""
        return ROOT / self.name / "requirements.lock"

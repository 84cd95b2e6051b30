"""A shelf for tests of many bundles: whole ones, a damaged one, one for another key, one that drifted.

Everything is one tiny voice without recovery data; whole ones are links to one file, so that two hundred take no space.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from archive.age.hybrid import HybridIdentity
from archive.age.x25519 import X25519Identity
from archive.bundle import pack
from core_model.voice import Voice
from tests.archive.crafting import drip

ROOT = Path(__file__).resolve().parents[2]
OURS = HybridIdentity.generate(drip("many, ours"))
OTHERS = X25519Identity.generate(drip("many, another's"))


@dataclass(frozen=True)
class Stock:
    """One bundle of each kind, and the key that opens all but one."""

    key: Path
    whole: Path
    damaged: Path
    locked: Path
    drifted: Path

    def lay_out(self, directory: Path, kinds: Mapping[str, str]) -> Path:
        """Make *directory* hold a link for each name in *kinds*: whole, damaged, locked or drifted."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, kind in kinds.items():
            (directory / f"{name}.voice").hardlink_to(getattr(self, kind))
        return directory


def make_stock(directory: Path, voice: Voice) -> Stock:
    """Write them below *directory*; *voice* has exports."""
    key = directory / "key.txt"
    key.write_text(OURS.secret_text() + "\n")
    whole, damaged, locked, drifted = (
        directory / f"{name}.voice" for name in ("whole", "damaged", "locked", "drifted")
    )
    _pack(whole, voice.directory, OURS.recipient)
    data = bytearray(whole.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    _pack(locked, voice.directory, OTHERS.recipient)
    other = shutil.copytree(voice.directory, directory / "other")
    weights = other / "weights" / "sovits.safetensors"
    touched = {name: np.asarray(array, np.float32) * np.float32(1.02) for name, array in load_file(weights).items()}
    save_file(touched, weights)
    _pack(drifted, other, OURS.recipient)
    return Stock(key, whole, damaged, locked, drifted)


def _pack(bundle: Path, directory: Path, recipient: object) -> None:
    members = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}
    pack(bundle, members, recipients=[recipient], redundancy=0)  # type: ignore[list-item]


def start(*words: object, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """`lifecycle WORDS` in a process of its own, as a person starts it."""
    command = [sys.executable, "-c", "from lifecycle.cli import main; main()", *map(str, words)]
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 120) -> None:
    """Wait for *condition*; fail with what *process* said where it ends first."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        if process.poll() is not None:
            raise AssertionError(process.communicate())
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError("it takes too long")


def children_of(process: subprocess.Popen[str]) -> list[Path]:
    """The processes that *process* began and that are still there, as directories of /proc."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if f"PPid:\t{process.pid}\n" in (directory / "status").read_text():
                found.append(directory)
        except OSError:
            continue
    return found

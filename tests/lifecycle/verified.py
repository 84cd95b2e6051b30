"""Examinations of the tiny voice for tests of what is made of them: one that passes, and one that drifted on torch."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from compat_tests.findings import fixity
from core_model.player import Player
from core_model.synthesis import TorchRuntime
from core_model.voice import Voice
from lifecycle.examining import Examination
from lifecycle.verifying import verify

NOW = datetime(2045, 11, 21, 12, 0, tzinfo=UTC)
MACHINE = {"system": "Linux", "architecture": "riscv64", "instruction_sets": "unknown", "python": "3.31"}


def passing(voice: Voice) -> Examination:
    """The voice as it is, on both runtimes."""
    found = {
        name: verify(voice, load, fixity=fixity(9, ())) for name, load in (("torch", TorchRuntime), ("onnx", Player))
    }
    return Examination("shelf/ada.voice", "ada", "ab" * 32, found)


def drifting(voice: Voice, directory: Path) -> Examination:
    """A copy of it in *directory* whose decoder was touched; its exports were not."""
    shutil.copytree(voice.directory, directory)
    path = directory / "weights" / "sovits.safetensors"
    touched = {name: array.astype(np.float32) * np.float32(1.02) for name, array in load_file(path).items()}
    save_file(touched, path)
    return replace(passing(Voice.open(directory)), named="ada", bundle_id=None)

"""Every vector of compat_tests/vectors: refused with its own sentence, and nothing written, run, filled or delayed.

The whole is opened once by tests/fenced.py, each vector in a process of its own; here is judged what came of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fenced import MEMORY_bytes, head_and_body

ROOT = Path(__file__).resolve().parent.parent
VECTORS = ROOT / "compat_tests" / "vectors"
NAMES = sorted(path.stem for path in VECTORS.glob("*.py") if path.stem not in ("crafting", "regenerate"))
KINDS = {
    "format": "FormatError", "version": "UnsupportedVersionError", "unsafe": "UnsafePathError",
    "damaged": "DamagedError", "base": "WrongBaseError", "age": "AgeHeaderError", "custody": "CustodyError",
    "signature": "SignatureError", "file": "UnsafeFileError", "voice": "VoiceError", "checkpoint": "CheckpointError",
}  # fmt: skip
MOST_s = 5


@pytest.fixture(scope="session")
def regenerated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All vectors, the large ones too, made anew."""
    directory = tmp_path_factory.mktemp("vectors")
    subprocess.run([sys.executable, VECTORS / "regenerate.py", directory], check=True)
    return directory


@pytest.fixture(scope="session")
def outcomes(regenerated: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By vector: what it states and what was found."""
    command = [sys.executable, "-m", "tests.fenced", regenerated, tmp_path_factory.mktemp("work")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return {line["name"]: line for line in map(json.loads, run.stdout.splitlines())}


def test_the_vectors_are_what_their_generators_make(regenerated: Path) -> None:
    """`git diff --exit-code` after regenerate.py, without touching the checkout."""
    kept = {path.name: path.read_bytes() for path in VECTORS.glob("*.vector")}
    made = {path.name: path.read_bytes() for path in regenerated.glob("*.vector")}
    assert {name: made[name] for name in kept} == kept
    assert sorted(made) == [f"{name}.vector" for name in NAMES]
    assert max(map(len, kept.values())) < 24_000


@pytest.mark.parametrize("name", NAMES)
def test_it_is_refused_with_its_own_sentence_and_does_no_harm(name: str, outcomes: dict[str, dict[str, Any]]) -> None:
    stated, found = outcomes[name]["stated"], outcomes[name]["found"]
    assert KINDS[stated["expect"]] in found["kinds"], found
    assert stated["says"] in found["says"], found
    assert found["touched"] == [], "it wrote outside of the destination, or ran something"
    assert found["left"] == [], "it left something behind"
    assert found["peak_bytes"] <= MEMORY_bytes
    assert found["cpu_s"] <= MOST_s


def test_every_vector_says_what_it_is_for() -> None:
    for path in VECTORS.glob("*.vector"):
        head, _ = head_and_body(path.read_bytes())
        assert set(head) == {"expect", "says", "reads", "why", "made-by"}, path
        assert head["says"] and head["made-by"] == f"compat_tests/vectors/{path.stem}.py"

"""How long `--help` takes, interpreter included. DESIGN §4 wants every verb under half a second."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from lifecycle.cli import VERBS

pytestmark = pytest.mark.bench
PROGRAM = Path(sys.executable).with_name("lifecycle")


@pytest.mark.parametrize("verb", VERBS)
def test_help(benchmark: BenchmarkFixture, verb: str) -> None:
    benchmark.group = "--help"
    benchmark.pedantic(subprocess.run, ([PROGRAM, verb, "--help"],), {"check": True, "capture_output": True}, rounds=5)

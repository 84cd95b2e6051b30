"""The recorded front end of GPT-SoVITS, row by row; tests that ask for it skip where it is absent.

LIFECYCLE_TEXT_GOLDENS   the directory of *.jsonl files     default ../shared/upstream/text
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

DIRECTORY = Path(
    os.environ.get("LIFECYCLE_TEXT_GOLDENS", Path(__file__).resolve().parents[3] / "shared" / "upstream" / "text")
)


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of *name*.jsonl."""
    path = DIRECTORY / f"{name}.jsonl"
    if not path.is_file():
        pytest.skip(f"no golden front end: {path} is missing (set LIFECYCLE_TEXT_GOLDENS)")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

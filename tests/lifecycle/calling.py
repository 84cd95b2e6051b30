"""The command line, called in this process, and what it says with --json."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from lifecycle.cli import main


def call(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def answer(*words: object) -> dict[str, Any]:
    """Call with --json and return the one object on stdout; the call must end with yes."""
    result = call(*words, "--json")
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told

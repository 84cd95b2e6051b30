"""Known failures of one voice on one runner: a file of test ids with reasons, held to strictly.

    # ONNX Runtime 1.15.1, found on 2026-11-28
    waveform[en-1]: the resampler of this release rounds the other way

An entry whose test passes fails the run, and so does one whose test is not there: a list of excuses that can only
shrink. Knows no pytest.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from compat_tests.errors import XfailsError

_MOST_BYTES = 1 << 20


def read_xfails(path: Path, known: Collection[str]) -> dict[str, str]:
    """Test id to reason. XfailsError for a line without a reason, an id twice or not among *known*. OSError."""
    if path.stat().st_size > _MOST_BYTES:
        raise XfailsError(f"{path.name} is too long for a list of known failures")
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, reason = (part.strip() for part in line.partition(": "))
        if not reason:
            raise XfailsError(f"{path.name}, line {number}: a test id, a colon and a reason are asked for")
        if name in found:
            raise XfailsError(f"{path.name}, line {number}: {name} stands there twice")
        if name not in known:
            raise XfailsError(f"{path.name}, line {number}: there is no test {name}")
        found[name] = reason
    return found

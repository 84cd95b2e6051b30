"""What machine computed something, for the record beside it: enough to explain a difference, not to name its owner.

Knows no network. No host name, no serial number, no user.
"""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np

_INSTRUCTION_SETS = (
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_tile",
    "asimd",
    "sve",
)


def describe() -> dict[str, str]:
    """System, architecture, instruction sets and versions of this process."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "instruction_sets": " ".join(_instruction_sets()) or "unknown",
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _instruction_sets() -> tuple[str, ...]:
    """Those that change the last bits of a sum, as Linux lists them; empty elsewhere."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    for line in told.splitlines():
        if line.startswith(("flags", "Features")):
            present = set(line.partition(":")[2].split())
            return tuple(name for name in _INSTRUCTION_SETS if name in present)
    return ()

"""What machine computed something, for the record beside it: enough to explain a difference, not to name its owner.

Knows no network. No host name, no serial number, no user.
"""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np

_CPUINFO = Path("/proc/cpuinfo")  # Linux; elsewhere nothing is known
# Those that change the last bits of a sum.
_INSTRUCTION_SETS = "sse4_2 avx avx2 fma avx512f avx512_vnni avx512_bf16 amx_tile asimd sve"


def describe() -> dict[str, str]:
    """System, architecture, instruction sets and versions of this process."""
    present = _flags(_CPUINFO)
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "instruction_sets": " ".join(name for name in _INSTRUCTION_SETS.split() if name in present) or "unknown",
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def computes_in_bfloat16(cpuinfo: Path = _CPUINFO) -> bool:
    """Whether this processor multiplies bfloat16 itself; where it does not, autocast only makes it slower."""
    return not _flags(cpuinfo).isdisjoint({"avx512_bf16", "amx_bf16"})


def _flags(cpuinfo: Path) -> frozenset[str]:
    """What the first processor can do, in Linux's words."""
    try:
        told = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    lines = (line for line in told.splitlines() if line.startswith(("flags", "Features")))
    return frozenset(next(lines, "").partition(":")[2].split())

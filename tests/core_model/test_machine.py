"""What is said of a machine, from what Linux says of its processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from core_model import machine


@pytest.mark.parametrize(
    ("flags", "has"),
    [
        ("flags\t\t: fpu avx512_bf16", True),
        ("flags : amx_bf16", True),
        ("flags : fpu avx2", False),
        ("model : avx512_bf16", False),
        ("", False),
    ],
)
def test_bfloat16_is_used_where_the_processor_has_it(tmp_path: Path, flags: str, has: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\n{flags}\n")
    assert machine.computes_in_bfloat16(tmp_path / "cpuinfo") is has


def test_nothing_is_known_where_linux_does_not_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not machine.computes_in_bfloat16(tmp_path / "none")
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "none")
    assert machine.describe()["instruction_sets"] == "unknown"


def test_only_what_changes_a_sum_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpuinfo").write_text("flags : fpu avx2 sse4_2 hypervisor\n\nflags : avx512f\n")
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "cpuinfo")
    assert machine.describe()["instruction_sets"] == "sse4_2 avx2"

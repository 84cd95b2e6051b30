"""Entries as releases write them, for tests."""

from __future__ import annotations

from typing import Any

from privacy import accountant
from privacy.budget import Budget
from privacy.ledger import Entry, entry_of
from privacy.mechanisms import Mode, calibrate, jitter

SUBJECT = "speaker-0123456789abcdef"


def entry(
    mode: Mode = "utterance", epsilon: float = 4.0, *, n: int = 60, cap: float | None = 10.0, **told: Any
) -> Entry:
    """One release, in 128 values, by a mechanism that was really calibrated."""
    n = n if mode == "utterance" else 1
    mechanism = jitter(0.01, 128) if mode == "jitter" else calibrate(mode, Budget(epsilon), 128, n)
    promised = None if cap is None else {"epsilon": cap, "delta": 1e-5, "mu": accountant.mu_of(Budget(cap))}
    usual: dict[str, Any] = {
        "subject": SUBJECT,
        "at": "2026-11-28T08:00:00+00:00",
        "threat_model": "who sees the released voice and knows the mechanism",
        "preprocessing": "none",
        "tuning_runs": 0,
        "cap": promised,
        "measured": None,
        "not_protected": ("who speaks",),
        "consent": None,
        "retention": None,
        "destruction": None,
    }
    return entry_of(mechanism, **usual | told)

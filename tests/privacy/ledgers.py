"""Entries as releases write them, for tests."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

import pytest

from privacy import accountant, sampled_gaussian
from privacy.budget import Budget
from privacy.ledger import Entry, Ledger, entry_of, entry_of_sampled
from privacy.mechanisms import Mode, calibrate, jitter
from privacy.sampled_gaussian import SampledGaussian, claim, pld_epsilon

SUBJECT = "speaker-0123456789abcdef"
DELTA = 1e-5


def entry(
    mode: Mode = "utterance", epsilon: float = 4.0, *, n: int = 60, cap: float | None = 10.0, **told: Any
) -> Entry:
    """One release, in 128 values, by a mechanism that was really calibrated."""
    n = n if mode == "utterance" else 1
    mechanism = jitter(0.01, 128) if mode == "jitter" else calibrate(mode, Budget(epsilon), 128, n)
    return entry_of(mechanism, **_usual(cap) | told)


def sampled(
    noise_multiplier: float = 4.0,
    steps: int = 50,
    *,
    sample_rate: float = 0.1,
    prv: float = 1.001,
    n: int = 300,
    cap: float | None = 10.0,
    **told: Any,
) -> Entry:
    """One training by DP-SGD. *prv*: what the other accountant says, beside PLD."""
    run = SampledGaussian(noise_multiplier, sample_rate, steps)
    claimed = claim(run, DELTA, prv * pld_epsilon(run, DELTA))
    usual = _usual(cap) | {"randomness": "a generator seeded from the operating system; it is no CSPRNG"}
    return entry_of_sampled(run, claimed, **{"n": n, "clip": 0.5, "dimension": 1000} | usual | told)


def ledger_of(*entries: Entry) -> Ledger:
    """All of them, one after the other."""
    ledger = Ledger()
    for one in entries:
        ledger = ledger.with_entry(one)
    return ledger


def rehashed(document: dict[str, Any]) -> bytes:
    """The line that somebody would write who knows how it is done."""
    document = {name: value for name, value in document.items() if name != "sha256"}
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    document["sha256"] = hashlib.sha256(canonical).hexdigest()
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def take_the_extra_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where dp-accounting is not installed, in a process that never had a figure of it."""
    for remembered in (
        sampled_gaussian._composed_epsilon,
        sampled_gaussian._composed_floor,
        sampled_gaussian._losses,
    ):
        remembered.cache_clear()
    for module in ("absl", "dp_accounting", "dp_accounting.pld"):
        monkeypatch.setitem(sys.modules, module, None)


def _usual(cap: float | None) -> dict[str, Any]:
    return {
        "subject": SUBJECT,
        "at": "2026-11-28T08:00:00+00:00",
        "threat_model": "who sees the released voice and knows the mechanism",
        "preprocessing": "none",
        "tuning_runs": 0,
        "cap": None if cap is None else {"epsilon": cap, "delta": DELTA, "mu": accountant.mu_of(Budget(cap))},
        "measured": None,
        "not_protected": ("who speaks",),
        "consent": None,
        "retention": None,
        "destruction": None,
    }

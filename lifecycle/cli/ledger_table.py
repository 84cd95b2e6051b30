"""A ledger as a person reads it: a line for each release, the sums, and what none of it protects."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lifecycle.cli.console import count
from privacy import accountant
from privacy.errors import NotComposableError
from privacy.ledger import UNITS, Entry, Ledger, recomputed_epsilon

_DELTA = 1e-5  # to read the sums at, where no cap names another
_NO_PROTECTION = 20.0  # there the best attacker errs 4 times in 100 (Phi(-mu/2))


def within_cap(ledger: Ledger) -> bool:
    """Whether no sum of what was promised is past the cap; a jitter promised nothing, and leaves none within it."""
    promised = [entry for entry in ledger.entries if entry.mu]
    cap = ledger.cap
    sums = [_sum(ledger, unit) for unit in {entry.unit for entry in promised}]
    return cap is None or all(mu is not None and mu <= cap.mu for mu in sums)


def facts_of(name: str | None, subject: str, ledger: Ledger) -> dict[str, Any]:
    """The same as one object."""
    entries = [asdict(entry) | {"recomputed_epsilon": recomputed_epsilon(entry)} for entry in ledger.entries]
    cap = asdict(ledger.cap) if ledger.cap else None
    return {"voice": name, "subject": subject, "entries": entries, "sums": _sums(ledger), "cap": cap}


def lines_of(subject: str, ledger: Ledger) -> list[str]:
    """The lines to print."""
    lines = [f"{count(len(ledger.entries), 'release')} of {subject}, every line in its place and true."]
    lines += [_line(number, entry) for number, entry in enumerate(ledger.entries, 1)]
    for told in _sums(ledger):
        weak = " (next to no protection)" if told["epsilon"] is None or told["epsilon"] > _NO_PROTECTION else ""
        figure = f"epsilon {_figure(told['epsilon'])} at delta {told['delta']:g}"
        lines.append(f"all of it, per {told['unit']}: {figure}{weak}")
    if ledger.cap:
        lines.append(f"cap: epsilon {ledger.cap.epsilon:g} at delta {ledger.cap.delta:g}")
    lines += [f"not protected: {told}" for told in dict.fromkeys(s for e in ledger.entries for s in e.not_protected)]
    return lines


def _line(number: int, entry: Entry) -> str:
    told = f"{number}  {entry.at[:10]}  {entry.mode}  epsilon {_figure(entry.epsilon)}"
    if entry.mu is None:
        return f"{told}  sigma {entry.sigma:.4g}, which protects nothing"
    if not entry.unit:
        return f"{told}  nothing of anybody was read"
    runs = f", and {entry.tuning_runs} tuning runs" if entry.tuning_runs else ""
    told += (
        f" at delta {entry.delta:g}  per {entry.unit}, {entry.adjacency}  sigma {entry.sigma:.4g}  n {entry.n}{runs}"
    )
    return f"{told}  best error rate {100 * (entry.floor or 0):.1f} %"


def _sums(ledger: Ledger) -> list[dict[str, Any]]:
    delta = ledger.cap.delta if ledger.cap else _DELTA
    if not any(entry.unit for entry in ledger.entries):
        return []
    mus = {unit: _sum(ledger, unit) for unit in UNITS}
    return [
        {
            "unit": unit,
            "adjacency": "replace-one",
            "mu": mu,
            "delta": delta,
            "epsilon": None if mu is None else accountant.epsilon_of(mu, delta),
        }
        for unit, mu in mus.items()
    ]


def _sum(ledger: Ledger, unit: str) -> float | None:
    try:
        return ledger.mu(unit)
    except NotComposableError:
        return None


def _figure(epsilon: float | None) -> str:
    return "none" if epsilon is None else f"{epsilon:.4g}"

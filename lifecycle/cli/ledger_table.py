"""A ledger as a person reads it: a line for each release, the sums, and what none of it protects."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lifecycle.cli.console import count
from privacy.errors import NotComposableError
from privacy.ledger import ADD_OR_REMOVE, ADJACENCIES, UNITS, Entry, Ledger, recomputed_epsilon

_DELTA = 1e-5  # to read the sums at, where no cap names another
_NO_PROTECTION = 20.0  # there the best attacker errs 4 times in 100 (Phi(-mu/2))
_NOT_ADDED_UP = (
    "The sums are not added up: replace-one asks what tells that one was exchanged, add/remove that one was there at "
    "all. Whoever has releases of both kinds has all that both give away."
)


@dataclass(frozen=True, slots=True)
class Sum:
    """What all releases give away of one unit under one adjacency. epsilon None: no bound is known, *why* says why."""

    unit: str
    adjacency: str
    mu: float | None  # of Gaussians; under add/remove none
    delta: float
    epsilon: float | None
    why: str | None


def holds(ledger: Ledger) -> bool:
    """Whether every line was found true, and no sum of what was promised is past the cap, as far as anybody can tell.

    A jitter promised nothing, and leaves no sum within a cap; a sum that cannot be made is not within one either.
    """
    try:
        within = ledger.cap is None or all(ledger.is_within_cap(*promised) for promised in ledger.promised)
    except NotComposableError:
        within = False
    return within and not ledger.not_recomputed


def facts_of(name: str | None, subject: str, ledger: Ledger) -> dict[str, Any]:
    """The same as one object."""
    open_lines = dict(ledger.not_recomputed)
    entries = [
        asdict(entry)
        | {
            "recomputed_epsilon": None if number in open_lines else recomputed_epsilon(entry),
            "not_recomputed": open_lines.get(number),
        }
        for number, entry in enumerate(ledger.entries, 1)
    ]
    cap = asdict(ledger.cap) if ledger.cap else None
    sums = [asdict(told) for told in _sums(ledger)]
    return {"voice": name, "subject": subject, "entries": entries, "sums": sums, "cap": cap}


def lines_of(subject: str, ledger: Ledger) -> list[str]:
    """The lines to print."""
    if not ledger.entries:
        return [f"No release of {subject} is written down here; another spelling of a name is another person."]
    open_lines = dict(ledger.not_recomputed)
    true = "every line in its place and true"
    if open_lines:
        true = f"every line in its place, but {len(open_lines)} of them not recomputed"
    lines = [f"{count(len(ledger.entries), 'release')} of {subject}, {true}."]
    for number, entry in enumerate(ledger.entries, 1):
        lines.append(_line(number, entry) + (f"  {open_lines[number].upper()}" if number in open_lines else ""))
    sums = _sums(ledger)
    for told in sums:
        weak = " (next to no protection)" if told.epsilon is None or told.epsilon > _NO_PROTECTION else ""
        figure = f"epsilon {_figure(told.epsilon)} at delta {told.delta:g}"
        lines.append(f"all of it, per {told.unit}, {told.adjacency}: {figure}{weak}")
        if told.why:
            lines.append(f"  {told.why}")
    several = len({told.adjacency for told in sums}) > 1
    if several:
        lines.append(_NOT_ADDED_UP)
    if ledger.cap:
        each = ", for each sum in which something was promised" if several else ""
        lines.append(f"cap: epsilon {ledger.cap.epsilon:g} at delta {ledger.cap.delta:g}{each}")
    lines += [f"not protected: {told}" for told in dict.fromkeys(s for e in ledger.entries for s in e.not_protected)]
    return lines


def _line(number: int, entry: Entry) -> str:
    told = f"{number}  {entry.at[:10]}  {entry.mode}  epsilon {_figure(entry.epsilon)}"
    if not entry.unit:
        return f"{told}  nothing of anybody was read"
    if entry.epsilon is None:
        return f"{told}  sigma {entry.sigma:.4g}, which protects nothing"
    runs = f", and {count(entry.tuning_runs, 'tuning run')}" if entry.tuning_runs else ""
    told += f" at delta {entry.delta:g}  per {entry.unit}, {entry.adjacency}  {_noise(entry)}  n {entry.n}{runs}"
    return f"{told}  best error rate {100 * (entry.floor or 0):.1f} %"


def _noise(entry: Entry) -> str:
    sampling = entry.sampling
    if not sampling:
        return f"sigma {entry.sigma:.4g}"
    names = ("noise_multiplier", "sample_rate", "steps")
    return "  ".join(f"{name.replace('_', ' ')} {_plain(sampling.get(name))}" for name in names)


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _sums(ledger: Ledger) -> list[Sum]:
    """Of the adjacencies that there are releases of."""
    there = {entry.adjacency for entry in ledger.entries if entry.unit}
    kinds = [kind for kind in ADJACENCIES if kind in there] or list(ADJACENCIES[:1] if there else ())
    return [_sum(ledger, unit, adjacency) for adjacency in kinds for unit in UNITS]


def _sum(ledger: Ledger, unit: str, adjacency: str) -> Sum:
    delta = ledger.cap.delta if ledger.cap else _DELTA
    try:
        epsilon = ledger.epsilon(unit, delta, adjacency)
        mu = None if adjacency == ADD_OR_REMOVE else ledger.mu(unit)
    except NotComposableError as error:
        return Sum(unit, adjacency, None, delta, None, f"{error}.")
    why = None if epsilon is not None else f"A release promised nothing about the {unit}."
    return Sum(unit, adjacency, mu, delta, epsilon, why)


def _figure(epsilon: float | None) -> str:
    return "none" if epsilon is None else f"{epsilon:.4g}"

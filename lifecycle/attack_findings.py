"""What came of attacks on a voice: who attacked, with what, how well, and what that means; or why it was not tried.

Knows figures and sentences; no recordings, no networks. Every figure has its interval, or says that it has none, and
stands beside what a guess would give. An attack that did not run is "not tested" with a reason, never passed over. No
finding says that a voice is safe: an attack that failed here says only that this one failed, on these recordings.

    eer                   rate at which the attacker errs, if misses and false alarms weigh the same; a guess 0.5
    d_sys                 how far apart the scores of person and others lie, over all thresholds; 0 to 1, a guess 0
    tpr_at_1_percent_fpr  share of the person's (or members') that is found while 1 % of the others are mistaken
    top_1                 share of what was tried where the person comes first of all candidates
    rank_chance           how often somebody who has nothing to do with the voice comes as far up: place / candidates
    auc                   how often a member looks more like one than a non-member does; a guess 0.5
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

LEVEL = 0.95  # of every interval
NAMES = {
    "eer": "equal error rate",
    "d_sys": "D_sys",
    "tpr_at_1_percent_fpr": "found at 1 % false alarms",
    "top_1": "first of all candidates",
    "rank_chance": "as far up by chance",
    "auc": "AUC",
}
RARE = 0.05  # what happens by chance so seldom counts as no chance here


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of merit, as a share of 1."""

    name: str  # one of NAMES
    value: float
    low: float | None = None  # of the interval, by bootstrap; None: none is known
    high: float | None = None
    guess: float | None = None  # what guessing gives


@dataclass(frozen=True, slots=True)
class Finding:
    """One attack by one attacker."""

    attack: str  # "style", "speech", "membership by style", "membership by networks", "seed"
    attacker: str  # "naive", "informed", "raw", "calibrated", ...
    knows: str  # what this attacker has and does
    data: Mapping[str, float]  # counts and seconds, by what they are of
    figures: tuple[Figure, ...] = ()
    leak: bool | None = None  # whether it did better than a guess; None: not tested, or it cannot be told
    meaning: str = ""
    why_not: str = ""  # why it was not tested; "" where it was
    det: tuple[tuple[float, float], ...] = ()  # (share of others mistaken, share of the person missed)
    control: bool = False  # no attack, but what shows whether one could be believed

    @property
    def tested(self) -> bool:
        """Whether it ran."""
        return not self.why_not

    def figure(self, name: str) -> Figure | None:
        """The figure of that *name*, if it has one."""
        return next((figure for figure in self.figures if figure.name == name), None)


@dataclass(frozen=True, slots=True)
class Attacked:
    """All that was tried on one voice."""

    voice: str
    made: str  # ISO 8601, UTC
    mode: str  # of the release; "" for a voice that was not released
    sigma: float | None  # of the noise on its style; None: there is none
    toolkit: str
    data: Mapping[str, float]
    remarks: tuple[str, ...]  # what a reader must know to weigh it
    findings: tuple[Finding, ...]

    @property
    def headline(self) -> str:
        """All of it in one or two sentences."""
        attacks = [finding for finding in self.findings if not finding.control]
        ran = [finding for finding in attacks if finding.tested]
        left = len(attacks) - len(ran)
        untested = f" {left} {_were(left)} not tested." if left else ""
        leaks = [finding for finding in ran if finding.leak]
        undecided = sum(finding.leak is None for finding in ran)
        told = f" Of {undecided} it cannot be told on so little data." if undecided else ""
        if not ran:
            return f"No attack was tested.{untested}"
        if leaks:
            which = ", ".join(f"{finding.attack} ({finding.attacker})" for finding in leaks)
            return f"{len(leaks)} of {len(ran)} attacks did better than a guess: {which}.{told}{untested}"
        return (
            f"None of {len(ran)} attacks did better than a guess, on these recordings.{told}{untested} "
            "That is no proof: others may do better."
        )

    def document(self) -> dict[str, Any]:
        """What --json says, and the record in a voice."""
        facts = asdict(self)
        facts["headline"] = self.headline
        facts["interval"] = f"{LEVEL:.0%} by bootstrap"
        for finding in facts["findings"]:
            finding["tested"] = not finding["why_not"]
        return facts


def not_tested(attack: str, attacker: str, knows: str, why_not: str) -> Finding:
    """An attack that did not run, and why."""
    return Finding(attack, attacker, knows, {}, why_not=why_not)


def percent(figure: Figure) -> str:
    """A figure with its interval, as people read it."""
    told = f"{100 * figure.value:.1f} %"
    if figure.low is None or figure.high is None:
        return told
    return f"{told} [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"


def rounded(figures: Sequence[Figure]) -> tuple[Figure, ...]:
    """To four digits: what lies behind them is noise of the machine."""

    def four(value: float | None) -> float | None:
        return None if value is None else round(value, 4)

    return tuple(Figure(f.name, round(f.value, 4), four(f.low), four(f.high), four(f.guess)) for f in figures)


def _were(count: int) -> str:
    return "was" if count == 1 else "were"

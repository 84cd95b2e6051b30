"""The ledger: what was released of one person, line by line, what it adds up to, and whether anybody changed it.

Knows no files. One line of canonical JSON for each release, tied to the one before by its SHA-256, so that a line
which is removed, moved or edited shows; what is cut off the end shows where a longer copy is (one lies in every voice).
A line holds everything that its epsilon follows from, and is refused if it does not follow.

There is a sum for each unit and each adjacency, and nothing is ever added across adjacencies:

    replace-one   in mu (Dong, Roth & Su 2022: the root of the sum of squares); a release in mode utterance counts
                  for the speaker as if all its recordings were exchanged: Delta = 2
    add/remove    by convolution of privacy loss distributions (`privacy.sampled_gaussian`, extra [private])

The cap holds in each of them. Runs that were made only to choose between them are releases. What a line of a mechanism
that is not known here costs, or one whose accountant is not installed, is not guessed: it is "not recomputed", and the
sums it belongs to are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Literal

from privacy import accountant
from privacy.budget import Budget
from privacy.entries import (
    ADD_OR_REMOVE,
    ADJACENCIES,
    GAUSSIAN,
    NOTHING_READ,
    REPLACE_ONE,
    SAMPLED_GAUSSIAN,
    UNITS,
    Entry,
    entry_of,
    entry_of_sampled,
    recomputed_epsilon,
    same,
    untrue,
)
from privacy.entry_lines import FIRST, is_float, line_of, read_line, require_fields
from privacy.errors import (
    BudgetError,
    CapExceededError,
    ExtraMissingError,
    LedgerDamagedError,
    NotComposableError,
)
from privacy.sampled_gaussian import MOST_TOGETHER, SampledGaussian, composed_epsilon

__all__ = [
    "ADD_OR_REMOVE",
    "ADJACENCIES",
    "GAUSSIAN",
    "NOTHING_READ",
    "REPLACE_ONE",
    "SAMPLED_GAUSSIAN",
    "UNITS",
    "Cap",
    "Checked",
    "Entry",
    "Ledger",
    "check",
    "entry_of",
    "entry_of_sampled",
    "recomputed_epsilon",
]

NEEDS_EXTRA = "not recomputed: needs the extra [private]"
NOT_KNOWN = "not recomputed: its mechanism is not known here"
MOST_BYTES = 4 << 20  # some thousand lines
_TOO_MUCH = "the ledger has more or longer sampled runs than are recomputed here"


@dataclass(frozen=True, slots=True)
class Cap:
    """How much may be given away of one person, all in all, under each adjacency."""

    epsilon: float
    delta: float
    mu: float


@dataclass(frozen=True, slots=True)
class Checked:
    """What looking at a ledger found. *told* is a sentence without a stop; "" where every line is true."""

    verdict: Literal["true", "false", "not recomputed"]
    told: str
    lines: int  # how many there are


@dataclass(frozen=True, slots=True)
class Ledger:
    """All lines of one person, whole and in order."""

    entries: tuple[Entry, ...] = ()
    not_recomputed: tuple[tuple[int, str], ...] = field(default=(), compare=False)  # line and why; others are true

    @classmethod
    def parse(cls, data: bytes) -> Ledger:
        """Read and check every line. LedgerDamagedError names the first that is wrong."""
        if len(data) > MOST_BYTES:
            raise LedgerDamagedError(1, f"it is longer than {MOST_BYTES} bytes")
        lines = data.split(b"\n")
        if lines.pop():
            raise LedgerDamagedError(len(lines) + 1, "it was cut off")
        entries: list[Entry] = []
        previous, open_lines, work = FIRST, [], 0
        sums: dict[str, float | None] | None = dict.fromkeys(UNITS, 0.0)
        for number, line in enumerate(lines, 1):
            document, previous = read_line(line, previous, number)
            entry = _entry(document, number)
            if entries and entry.subject != entries[0].subject:
                raise LedgerDamagedError(number, "it is about somebody else")
            entries.append(entry)
            work += _work(entry)
            if work > MOST_TOGETHER:
                raise LedgerDamagedError(number, f"with it, {_TOO_MUCH}")
            if why := _judged(entry, number):
                open_lines.append((number, why))
            sums = _grown(sums, entry)
            if sums is not None and entry.adjacency != ADD_OR_REMOVE and entry.mechanism in (GAUSSIAN, NOTHING_READ):
                _require_sums(entry, sums, number)
        return cls(tuple(entries), tuple(open_lines))

    def marshal(self) -> bytes:
        """The lines, canonical: the same entries are the same bytes."""
        previous, lines = FIRST, []
        for number, entry in enumerate(self.entries, 1):
            line, previous = line_of(asdict(entry), previous, number)
            lines.append(line)
        return b"".join(lines)

    @property
    def subject(self) -> str | None:
        """Whose it is; None while it is empty."""
        return self.entries[0].subject if self.entries else None

    @property
    def cap(self) -> Cap | None:
        """The least that any line names: a promise is not taken back. None: none was ever made."""
        caps = [Cap(**entry.cap) for entry in self.entries if entry.cap is not None]
        return min(caps, key=lambda cap: cap.mu, default=None)

    def mu(self, unit: str, more: Iterable[Entry] = ()) -> float | None:
        """The sum for *unit* under replace-one, *more* included; None: a line has no bound. NotComposableError."""
        mus = [entry.mu_for(unit) for entry in (*self.entries, *more)]
        known = [mu for mu in mus if mu is not None]
        return accountant.composed(known) if len(known) == len(mus) else None

    def epsilon(self, unit: str, delta: float, adjacency: str = REPLACE_ONE) -> float | None:
        """The sum for *unit* under *adjacency*, read at *delta*; None: a line has no bound. NotComposableError.

        Under add/remove it is no less than what a line of its own claims: another accountant may have rounded up more.
        """
        if adjacency == REPLACE_ONE:
            mu = self.mu(unit)
            return None if mu is None else accountant.epsilon_of(mu, delta)
        runs: list[SampledGaussian] = []
        for entry in self.entries:
            several = entry.runs_for(unit)
            if several is None:
                return None
            runs += several
        claims = [
            one.epsilon or 0.0
            for one in self.entries
            if (one.unit, one.adjacency, one.delta) == (unit, adjacency, delta)
        ]
        try:
            return max([composed_epsilon(runs, delta), *claims])
        except (BudgetError, ExtraMissingError) as error:
            raise NotComposableError(f"the sum under {adjacency} cannot be made: {error}") from error

    def is_bounded(self, unit: str, adjacency: str) -> bool:
        """Whether every line has a bound for *unit* under *adjacency*. NotComposableError."""
        return all(
            (entry.mu_for(unit) if adjacency == REPLACE_ONE else entry.runs_for(unit)) is not None
            for entry in self.entries
        )

    def is_within_cap(self, unit: str, adjacency: str) -> bool:
        """Whether the sum for *unit* under *adjacency* is known, and not past the cap. NotComposableError."""
        cap = self.cap
        if cap is None or not self.is_bounded(unit, adjacency):
            return self.is_bounded(unit, adjacency)
        if adjacency == REPLACE_ONE:
            return (self.mu(unit) or 0.0) <= cap.mu
        return (self.epsilon(unit, cap.delta, adjacency) or 0.0) <= cap.epsilon

    @property
    def promised(self) -> tuple[tuple[str, str], ...]:
        """For which units, under which adjacencies, something was promised."""
        return tuple(dict.fromkeys((entry.unit, entry.adjacency) for entry in self.entries if entry.promises))

    def with_entry(self, entry: Entry) -> Ledger:
        """The ledger with one line more, its sums filled in. CapExceededError, NotComposableError."""
        number = len(self.entries) + 1
        if self.entries and entry.subject != self.subject:
            raise LedgerDamagedError(number, f"it is about {entry.subject}, the others {self.subject}")
        sums = {unit: self.mu(unit, [entry]) for unit in UNITS}
        entry = replace(entry, cumulative_mu={} if entry.adjacency == ADD_OR_REMOVE else sums)
        grown = Ledger((*self.entries, entry), self.not_recomputed)
        if sum(map(_work, grown.entries)) > MOST_TOGETHER:
            raise NotComposableError(f"with this release, {_TOO_MUCH}")
        if entry.unit:  # else nothing of anybody was read
            _require_within(self, grown, entry)
        return grown


def check(data: bytes) -> Checked:
    """Whether every line of a ledger is true, for who only looks; what could not be recomputed is not called true."""
    try:
        ledger = Ledger.parse(data)
    except LedgerDamagedError as error:
        return Checked("false", str(error), data.count(b"\n"))
    if ledger.not_recomputed:
        number, why = ledger.not_recomputed[0]
        return Checked("not recomputed", f"line {number} of the ledger: {why}", len(ledger.entries))
    return Checked("true", "", len(ledger.entries))


def _entry(document: dict[str, object], number: int) -> Entry:
    require_fields(document, fields(Entry), number)
    entry = Entry(**document)  # type: ignore[arg-type]  # each was looked at
    if entry.cap is not None and not (
        set(entry.cap) == {"epsilon", "delta", "mu"} and all(map(is_float, entry.cap.values())) and _is_cap(entry.cap)
    ):
        raise LedgerDamagedError(number, "its cap is none")
    return replace(entry, not_protected=tuple(entry.not_protected))


def _is_cap(told: Mapping[str, float]) -> bool:
    try:
        Budget(told["epsilon"], told["delta"])
    except BudgetError:
        return False
    return told["mu"] > 0


def _judged(entry: Entry, number: int) -> str:
    """Why *entry* could not be recomputed; "" if it is true. LedgerDamagedError if it is not."""
    try:
        problem = untrue(entry)
    except NotComposableError:
        return NOT_KNOWN  # of a later toolkit: it is kept, and nothing is added to it here
    except ExtraMissingError:
        return NEEDS_EXTRA
    if problem:
        raise LedgerDamagedError(number, problem)
    return ""


def _grown(sums: dict[str, float | None] | None, entry: Entry) -> dict[str, float | None] | None:
    """The sums in mu with *entry* in them; None from the first line on that cannot be added up."""
    if sums is None:
        return None
    try:
        more = {unit: entry.mu_for(unit) for unit in UNITS}
    except NotComposableError:
        return None
    return {unit: _together(sums[unit], more[unit]) for unit in UNITS}


def _together(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else accountant.composed([one, other])


def _require_sums(entry: Entry, sums: dict[str, float | None], number: int) -> None:
    for unit in UNITS:
        told, found = entry.cumulative_mu.get(unit), sums[unit]
        if not same(told, found):
            raise LedgerDamagedError(number, f"its sum for the {unit} is {told}, and the lines give {found}")


def _work(entry: Entry) -> int:
    """How many points the grid has on which a sampled line is recomputed; 0 for what is computed in no time."""
    try:
        return entry.run.points if entry.mechanism == SAMPLED_GAUSSIAN else 0
    except BudgetError:
        return 0  # refused before anything is computed


def _require_within(before: Ledger, after: Ledger, entry: Entry) -> None:
    """CapExceededError if *entry* takes a sum past the cap that somebody was promised, or leaves it without a bound."""
    for unit, adjacency in after.promised:
        if not after.is_bounded(unit, adjacency):
            if (unit, adjacency) in before.promised and before.is_bounded(unit, adjacency):
                raise CapExceededError(
                    f"this release promises nothing about the {unit}, and an earlier one of this person did: with it, "
                    "that promise would not hold any more"
                )
            if entry.promises and adjacency == entry.adjacency:
                raise CapExceededError(
                    f"an earlier release of this person promised nothing about the {unit}, "
                    "so no later one can promise anything"
                )
        elif (
            adjacency == entry.adjacency and (cap := after.cap) is not None and not after.is_within_cap(unit, adjacency)
        ):
            spent, wanted = (ledger.epsilon(unit, cap.delta, adjacency) for ledger in (before, after))
            raise CapExceededError(
                f"of this {unit} epsilon {spent:.4g} is given away already; with this release it would be "
                f"{wanted:.4g}, and the cap is {cap.epsilon:g} (at delta {cap.delta:g})"
            )

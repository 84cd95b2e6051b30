"""The ledger: what was released of one person, line by line, what it adds up to, and whether anybody changed it.

Knows no files. One line of canonical JSON for each release, tied to the one before by its SHA-256, so that a line
which is removed, moved or edited shows; what is cut off the end shows where a longer copy is (one lies in every voice).
A line holds everything that its epsilon follows from, and is refused if it does not follow.

Sums are made for one adjacency, in mu (Dong, Roth & Su 2022, Corollary 3.3), and for two units:

    utterance   every release counts with its mu: who exchanges one recording changes a vector of norm 1 by 2 at most
    speaker     a release in mode utterance counts as if all its recordings were exchanged: Delta = 2

Runs that were made only to choose between them are releases: mu sqrt(1 + tuning_runs). A release without a claim
(jitter) makes every sum "none". A mechanism other than Gaussian noise is not added up here: it is refused.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from privacy import accountant, mechanisms
from privacy.errors import CapExceededError, LedgerDamagedError, NotComposableError

GAUSSIAN = "discrete Gaussian on multiples of 2^-20"
NOTHING_READ = "none: nothing of anybody is read"
REPLACE_ONE = "replace-one"
UNITS = ("utterance", "speaker")
_FIRST = "0" * 64
_MOST_BYTES = 4 << 20  # some thousand lines
_EXACT = 1e-9  # relative: another machine's exp and log may differ in the last digits


@dataclass(frozen=True, slots=True)
class Cap:
    """How much may be given away of one person, all in all."""

    epsilon: float
    delta: float
    mu: float


@dataclass(frozen=True, slots=True)
class Entry:
    """One release. None is "none claimed" or "not measured", never zero."""

    subject: str  # pseudonym
    at: str  # ISO 8601, UTC
    mode: str
    threat_model: str
    unit: str  # "utterance", "speaker"; "" where nothing is read
    adjacency: str
    mechanism: str
    clip: float
    dimension: int
    n: int
    sensitivity: float
    sensitivity_why: str
    sigma: float
    sigma_steps: int  # in 2^-20
    mu: float | None
    epsilon: float | None
    delta: float | None
    accountant: str
    second_accountant: str
    second_epsilon: float | None
    sampling: Mapping[str, Any] | None  # Poisson, q, steps; None: every unit takes part
    randomness: str
    preprocessing: str  # declared public
    tuning_runs: int
    cap: Mapping[str, float] | None
    cumulative_mu: Mapping[str, float | None]  # by unit, this line included
    floor: float | None
    measured: Mapping[str, Any] | None  # attacker, eer, d_sys, tpr_at_1_percent_fpr
    not_protected: tuple[str, ...]
    consent: Mapping[str, Any] | None  # sha256, expires
    retention: str | None
    destruction: str | None

    def mu_for(self, unit: str) -> float | None:
        """What it costs that *unit*, tuning runs included; None: no bound is known. NotComposableError."""
        if self.mechanism == NOTHING_READ:
            return 0.0
        if self.mechanism != GAUSSIAN or self.adjacency != REPLACE_ONE or self.sampling is not None:
            raise NotComposableError(f"{self.mechanism!r} ({self.adjacency}) is not added up here")
        if self.mu is None:
            return None
        whole = unit == "speaker" and self.unit == "utterance"
        mu = mechanisms.sensitivity(1, self.dimension) / self.sigma if whole else self.mu
        return mu * math.sqrt(1 + self.tuning_runs)


@dataclass(frozen=True, slots=True)
class Ledger:
    """All lines of one person, whole and in order."""

    entries: tuple[Entry, ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> Ledger:
        """Read and check every line. LedgerDamagedError names the first that is wrong."""
        if len(data) > _MOST_BYTES:
            raise LedgerDamagedError(1, f"it is longer than {_MOST_BYTES} bytes")
        previous, ledger = _FIRST, cls()
        lines = data.split(b"\n")
        if lines.pop():
            raise LedgerDamagedError(len(lines) + 1, "it was cut off")
        for number, line in enumerate(lines, 1):
            document = _read(line, number)
            if document.pop("previous", None) != previous:
                raise LedgerDamagedError(number, "it does not follow the one before: lines were removed or reordered")
            previous = str(document.pop("sha256"))
            if document.pop("number", None) != number:
                raise LedgerDamagedError(number, "it is not in its place")
            entry = _entry(document, number)
            ledger._require_true(entry, number)
            ledger = cls((*ledger.entries, entry))
        return ledger

    def marshal(self) -> bytes:
        """The lines, canonical: the same entries are the same bytes."""
        previous, lines = _FIRST, []
        for number, entry in enumerate(self.entries, 1):
            document = asdict(entry) | {"previous": previous, "number": number}
            previous = _digest(document)
            lines.append(_canonical(document | {"sha256": previous}) + b"\n")
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
        """The sum for *unit*, of all lines and *more*; None where a line has no bound. NotComposableError."""
        mus = [entry.mu_for(unit) for entry in (*self.entries, *more)]
        known = [mu for mu in mus if mu is not None]
        return accountant.composed(known) if len(known) == len(mus) else None

    def epsilon(self, unit: str, delta: float) -> float | None:
        """The same, read at *delta*."""
        mu = self.mu(unit)
        return None if mu is None else accountant.epsilon_of(mu, delta)

    def with_entry(self, entry: Entry) -> Ledger:
        """The ledger with one line more, its sums filled in. CapExceededError, NotComposableError."""
        if self.entries and entry.subject != self.subject:
            raise LedgerDamagedError(len(self.entries) + 1, f"it is about {entry.subject}, the others {self.subject}")
        entry = replace(entry, cumulative_mu={unit: self.mu(unit, [entry]) for unit in UNITS})
        grown = Ledger((*self.entries, entry))
        if entry.mu:  # 0: nothing was read; None: nothing is claimed, and the sums say so from here on
            _require_within(grown.cap, self.mu(entry.unit), entry)
        return grown

    def _require_true(self, entry: Entry, number: int) -> None:
        """LedgerDamagedError where *entry* says what does not follow from its own figures and the lines before it."""
        if self.entries and entry.subject != self.subject:
            raise LedgerDamagedError(number, "it is about somebody else")
        if entry.mechanism not in (GAUSSIAN, NOTHING_READ):
            return  # of a later toolkit: it is kept, and nothing is added to it here
        if problem := _untrue(entry):
            raise LedgerDamagedError(number, problem)
        for unit in UNITS:
            told, found = entry.cumulative_mu.get(unit), self.mu(unit, [entry])
            if not _same(told, found):
                raise LedgerDamagedError(number, f"its sum for the {unit} is {told}, and the lines give {found}")


def check(data: bytes) -> str:
    """What is wrong with a ledger, as one sentence without a stop; "" if every line is true. For who only looks."""
    try:
        Ledger.parse(data)
    except LedgerDamagedError as error:
        return str(error)
    return ""


def recomputed_epsilon(entry: Entry) -> float | None:
    """The epsilon that the recorded mechanism has at the recorded delta; None where none may be claimed."""
    if entry.mechanism == NOTHING_READ:
        return 0.0
    if entry.mu is None or entry.delta is None:
        return None
    return mechanisms.claimed(entry.sensitivity, entry.sigma_steps, entry.dimension, entry.delta)


def entry_of(mechanism: mechanisms.Mechanism, **told: Any) -> Entry:
    """The line of a release by *mechanism*; *told* are the fields that it does not know."""
    nothing = mechanism.mode == "anonymous"
    whole = mechanism.mu is not None and mechanism.delta is not None and not nothing
    why = "2/n for one of n vectors of norm 1, and half a step of rounding in each value of both neighbours"
    return Entry(
        mode=mechanism.mode,
        unit=mechanism.unit,
        adjacency="" if nothing else REPLACE_ONE,
        mechanism=NOTHING_READ if nothing else GAUSSIAN,
        clip=1.0,
        dimension=mechanism.dimension,
        n=mechanism.n,
        sensitivity=mechanism.sensitivity,
        sensitivity_why="nothing of anybody is read" if nothing else why,
        sigma=mechanism.sigma,
        sigma_steps=mechanism.sigma_steps,
        mu=mechanism.mu,
        epsilon=mechanism.epsilon,
        delta=mechanism.delta,
        accountant=accountant.NAME,
        second_accountant=accountant.SECOND_NAME,
        second_epsilon=accountant.zcdp_epsilon(mechanism.mu or 0.0, mechanism.delta or 1.0) if whole else None,
        sampling=None,
        randomness="os.urandom; no seed, nothing recorded",
        cumulative_mu={},
        floor=mechanism.floor,
        **told,
    )


def _untrue(entry: Entry) -> str:
    if entry.mechanism == NOTHING_READ:
        return "" if (entry.mu, entry.epsilon) == (0.0, 0.0) else "it reads nothing, and names a cost"
    if entry.tuning_runs < 0 or entry.n < 1 or entry.dimension < 1 or entry.sigma_steps < 1:
        return "a figure of it is out of range"
    if not _same(entry.sigma, entry.sigma_steps / mechanisms.STEPS):
        return "its two sigmas differ"
    least = mechanisms.sensitivity(entry.n, entry.dimension)
    if entry.sensitivity < least * (1 - _EXACT):
        return f"its Delta is {entry.sensitivity:.6g}, and {entry.n} vectors have {least:.6g}"
    if entry.mu is None:
        return "" if entry.epsilon is None else "it claims an epsilon and has no mu"
    if not _same(entry.mu, entry.sensitivity / entry.sigma):
        return f"its mu is {entry.mu:.6g}, and Delta / sigma is {entry.sensitivity / entry.sigma:.6g}"
    epsilon = recomputed_epsilon(entry)
    if not _same(entry.epsilon, epsilon):
        return f"it claims epsilon {entry.epsilon}, and its mechanism has {epsilon}"
    return "" if _same(entry.floor, accountant.error_floor(entry.mu)) else "its floor is not that of its mu"


def _require_within(cap: Cap | None, before: float | None, entry: Entry) -> None:
    after = entry.cumulative_mu[entry.unit]
    if before is None or after is None:
        raise CapExceededError(
            "an earlier release of this person promised nothing, so no later one can promise anything"
        )
    if cap is not None and after > cap.mu:
        spent, wanted = (accountant.epsilon_of(mu, cap.delta) for mu in (before, after))
        raise CapExceededError(
            f"of this {entry.unit} epsilon {spent:.4g} is given away already; with this release it would be "
            f"{wanted:.4g}, and the cap is {cap.epsilon:g} (at delta {cap.delta:g})"
        )


def _same(told: float | None, found: float | None) -> bool:
    if told is None or found is None:
        return told is found
    return math.isclose(told, found, rel_tol=_EXACT, abs_tol=1e-15)


def _read(line: bytes, number: int) -> dict[str, Any]:
    """One line: canonical JSON whose digest is its own."""
    try:
        document = json.loads(line.decode("utf-8"))
        if not isinstance(document, dict) or _canonical(document) != line:
            raise LedgerDamagedError(number, "it is not canonical JSON")
        told = document["sha256"]
        if told != _digest({name: value for name, value in document.items() if name != "sha256"}):
            raise LedgerDamagedError(number, "it was edited")
    except (ValueError, KeyError, RecursionError):
        raise LedgerDamagedError(number, "it is no entry") from None
    return document


def _entry(document: dict[str, Any], number: int) -> Entry:
    try:
        entry = Entry(**{field.name: document.pop(field.name) for field in fields(Entry)})
    except (KeyError, TypeError):
        raise LedgerDamagedError(number, "a field of it is missing") from None
    if document:
        raise LedgerDamagedError(number, f"it has a field that is not known here: {min(document)}")
    for field in fields(Entry):
        if not _of_kind(getattr(entry, field.name), str(field.type)):
            raise LedgerDamagedError(number, f"{field.name} of it is no {field.type}")
    if entry.cap is not None and not (
        set(entry.cap) == {"epsilon", "delta", "mu"} and all(map(_float, entry.cap.values()))
    ):
        raise LedgerDamagedError(number, "its cap is none")
    return replace(entry, not_protected=tuple(entry.not_protected))


def _of_kind(value: object, kind: str) -> bool:
    """Whether *value*, out of JSON, may stand where the dataclass says *kind*."""
    if kind.endswith(" | None"):
        return value is None or _of_kind(value, kind.removesuffix(" | None"))
    match kind.partition("[")[0]:
        case "str":
            return isinstance(value, str)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return _float(value)
        case "tuple":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        case _:
            return isinstance(value, dict)


def _float(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(document)).hexdigest()


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()

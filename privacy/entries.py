"""One release as the ledger keeps it: everything that its epsilon follows from, and whether it does follow.

Knows no lines, files or sums. Two mechanisms are known, each with neighbours of its own:

    discrete Gaussian           exchange one unit        mu = Delta / sigma        `privacy.mechanisms`
    Poisson-sampled Gaussian    add or remove one unit   q, T and z in *sampling*  `privacy.sampled_gaussian`

An entry says what it costs in the sum of either adjacency. What has no bound under one has none under the other: a
release that promised nothing (jitter) leaves no sum, and one that hides an utterance by sampling leaves none for the
speaker. What has a bound counts under its own adjacency alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from privacy import accountant, mechanisms, sampled_gaussian
from privacy.budget import LEAST_DELTA, MOST_DELTA
from privacy.entry_lines import is_float, is_int
from privacy.errors import BudgetError, NotComposableError
from privacy.sampled_gaussian import Claim, SampledGaussian

GAUSSIAN = "discrete Gaussian on multiples of 2^-20"
SAMPLED_GAUSSIAN = "Poisson-sampled Gaussian on the sum of clipped gradients (DP-SGD)"
NOTHING_READ = "none: nothing of anybody is read"
REPLACE_ONE, ADD_OR_REMOVE = "replace-one", "add/remove"
ADJACENCIES = (REPLACE_ONE, ADD_OR_REMOVE)
UNITS = ("utterance", "speaker")
_MOST_COUNT = 1 << 53
_EXACT = 1e-9  # relative: another machine's exp and log may differ in the last digits
_RECOMPUTED = 1e-3  # relative, and of accountants: another version of one may round another way
_SAMPLING = {"kind", "sample_rate", "steps", "noise_multiplier"}


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
    sigma_steps: int  # in 2^-20; 0 where the noise is on no grid
    mu: float | None  # of a sampled run none: it is no Gaussian
    epsilon: float | None
    delta: float | None
    accountant: str
    second_accountant: str
    second_epsilon: float | None
    sampling: Mapping[str, Any] | None  # kind "Poisson", sample_rate, steps, noise_multiplier; None: all take part
    randomness: str
    preprocessing: str  # declared public
    tuning_runs: int
    cap: Mapping[str, float] | None
    cumulative_mu: Mapping[str, float | None]  # by unit, this line included; of a sampled run empty: it has no mu
    floor: float | None
    measured: Mapping[str, Any] | None  # attacker, eer, d_sys, tpr_at_1_percent_fpr
    not_protected: tuple[str, ...]
    consent: Mapping[str, Any] | None  # sha256, expires
    retention: str | None
    destruction: str | None

    @property
    def run(self) -> SampledGaussian:
        """The sampled run that it records. BudgetError where it records none that is counted here."""
        told = self.sampling or {}
        if set(told) != _SAMPLING or told["kind"] != "Poisson" or not is_int(told["steps"]):
            raise BudgetError("its sampling is none that is known here")
        if not (is_float(told["noise_multiplier"]) and is_float(told["sample_rate"])):
            raise BudgetError("its sampling is none that is known here")
        return SampledGaussian(told["noise_multiplier"], told["sample_rate"], told["steps"])

    @property
    def promises(self) -> bool:
        """Whether it claims something about somebody: not where nothing was read, and not of a jitter."""
        return bool(self.unit) and self.epsilon is not None

    def mu_for(self, unit: str) -> float | None:
        """What it costs that *unit* under replace-one, tuning runs included; None: no bound. NotComposableError."""
        self.require_known()
        if self._is_unbounded_for(unit):
            return None
        if self.mu is None or self.adjacency != REPLACE_ONE:
            return 0.0  # counted under another adjacency, or nothing was read
        whole = unit == "speaker" and self.unit == "utterance"
        mu = mechanisms.sensitivity(1, self.dimension) / self.sigma if whole else self.mu
        return mu * math.sqrt(1 + self.tuning_runs)

    def runs_for(self, unit: str) -> tuple[SampledGaussian, ...] | None:
        """The same under add/remove, as sampled runs; None: no bound. NotComposableError."""
        self.require_known()
        if self._is_unbounded_for(unit):
            return None
        if self.adjacency != ADD_OR_REMOVE:
            return ()
        try:
            run = self.run if self.sampling is not None else SampledGaussian(1 / (self.mu or 1.0), 1.0, 1)
            return (run.repeated(1 + self.tuning_runs),)
        except BudgetError as error:
            raise NotComposableError(f"it is not added up here: {error}") from None

    def _is_unbounded_for(self, unit: str) -> bool:
        if self.mechanism == NOTHING_READ:
            return False
        if self.adjacency == ADD_OR_REMOVE and unit != self.unit == "utterance":
            return True
        return self.epsilon is None

    def require_known(self) -> None:
        """NotComposableError unless its mechanism is one that is counted here, under an adjacency that it has."""
        known = {(GAUSSIAN, False), (SAMPLED_GAUSSIAN, True), (NOTHING_READ, False)}
        adjacencies = {GAUSSIAN: ADJACENCIES, SAMPLED_GAUSSIAN: (ADD_OR_REMOVE,)}.get(self.mechanism, ("",))
        if (self.mechanism, self.sampling is not None) not in known or self.adjacency not in adjacencies:
            raise NotComposableError(f"{self.mechanism!r} ({self.adjacency}) is not added up here")


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


def entry_of_sampled(
    run: SampledGaussian,
    claimed: Claim,
    *,
    n: int,
    clip: float,
    dimension: int,
    mode: str = "sgd",
    **told: Any,
) -> Entry:
    """The line of a training by DP-SGD: *run* on *n* utterances, gradients of *dimension* values clipped to *clip*.

    *claimed* is `sampled_gaussian.claim`'s of it; *told* are the fields that none of them knows, and among them the
    words about where its noise came from. ExtraMissingError. BudgetError where what is claimed is none: delta of 1/n or
    more, or a figure out of range.
    """
    entry = Entry(
        mode=mode,
        unit="utterance",
        adjacency=ADD_OR_REMOVE,
        mechanism=SAMPLED_GAUSSIAN,
        clip=clip,
        dimension=dimension,
        n=n,
        sensitivity=clip,
        sensitivity_why="one utterance more or less adds one gradient to the sum, and it is clipped to this norm",
        sigma=run.noise_multiplier * clip,
        sigma_steps=0,
        mu=None,
        epsilon=claimed.epsilon,
        delta=claimed.delta,
        accountant=claimed.accountant,
        second_accountant=(
            f"{claimed.second_accountant}; {sampled_gaussian.rdp_name()}: {claimed.rdp_epsilon:.4g} at most"
        ),
        second_epsilon=claimed.second_epsilon,
        sampling={
            "kind": "Poisson",
            "sample_rate": run.sample_rate,
            "steps": run.steps,
            "noise_multiplier": run.noise_multiplier,
        },
        cumulative_mu={},
        floor=sampled_gaussian.error_floor(run),
        **told,
    )
    if problem := untrue(entry):
        raise BudgetError(f"this run cannot be entered in a ledger: {problem}")
    return entry


def recomputed_epsilon(entry: Entry) -> float | None:
    """The epsilon that the recorded mechanism has at the recorded delta; None where none may be claimed.

    ExtraMissingError; NotComposableError for a mechanism that is not known here.
    """
    if entry.mechanism == NOTHING_READ:
        return 0.0
    entry.require_known()
    if entry.epsilon is None or entry.delta is None:
        return None
    if entry.mechanism == SAMPLED_GAUSSIAN:
        return sampled_gaussian.pld_epsilon(entry.run, entry.delta)
    return mechanisms.claimed(entry.sensitivity, entry.sigma_steps, entry.dimension, entry.delta)


def untrue(entry: Entry) -> str:
    """What *entry* says that does not follow from its own figures; "" if it all does. ExtraMissingError.

    Of a mechanism that is not known here, nothing can be said: NotComposableError.
    """
    if entry.mechanism == SAMPLED_GAUSSIAN:
        return _untrue_sampled(entry)
    entry.require_known()
    if entry.mechanism == NOTHING_READ:
        return "" if (entry.mu, entry.epsilon) == (0.0, 0.0) else "it reads nothing, and names a cost"
    return _untrue_gaussian(entry)


def same(told: float | None, found: float | None) -> bool:
    """Whether two figures are one, but for the last digits."""
    if told is None or found is None:
        return told is found
    return math.isclose(told, found, rel_tol=_EXACT, abs_tol=1e-15)


def _countable(entry: Entry) -> bool:
    """Whether its whole numbers are such as a float can hold: JSON's may have a thousand digits."""
    least_one = (entry.n, entry.dimension, 1 + entry.tuning_runs)
    return all(1 <= count <= _MOST_COUNT for count in least_one) and entry.sigma_steps <= _MOST_COUNT


def _untrue_gaussian(entry: Entry) -> str:
    if not _countable(entry) or entry.sigma_steps < 1:
        return "a figure of it is out of range"
    if entry.unit not in UNITS or (entry.unit == "speaker" and entry.n != 1):
        return f"it is about {entry.unit or 'nobody'}, and {entry.n} took part"
    if not same(entry.sigma, entry.sigma_steps / mechanisms.STEPS):
        return "its two sigmas differ"
    least = mechanisms.sensitivity(entry.n, entry.dimension)
    if entry.sensitivity < least * (1 - _EXACT):
        return f"its Delta is {entry.sensitivity:.6g}, and {entry.n} vectors have {least:.6g}"
    if entry.mu is None:
        return "" if entry.epsilon is None else "it claims an epsilon and has no mu"
    if not same(entry.mu, entry.sensitivity / entry.sigma):
        return f"its mu is {entry.mu:.6g}, and Delta / sigma is {entry.sensitivity / entry.sigma:.6g}"
    delta = entry.delta  # looked at before it is computed with: below e^-128 there is no epsilon to be found
    if delta is None or not LEAST_DELTA <= delta <= MOST_DELTA or (entry.unit == "utterance" and delta >= 1 / entry.n):
        return f"its delta is {delta}, and there are {entry.n} units"
    epsilon = recomputed_epsilon(entry)
    if not same(entry.epsilon, epsilon):
        return f"it claims epsilon {entry.epsilon}, and its mechanism has {epsilon}"
    return "" if same(entry.floor, accountant.error_floor(entry.mu)) else "its floor is not that of its mu"


def _untrue_sampled(entry: Entry) -> str:
    """What needs no accountant first, so that it is found out anywhere."""
    if not _countable(entry) or entry.sigma_steps != 0 or entry.clip <= 0:
        return "a figure of it is out of range"
    if (entry.unit, entry.adjacency, entry.mu) != ("utterance", ADD_OR_REMOVE, None) or entry.cumulative_mu:
        return "it names a unit, an adjacency or a mu that a sampled run has not"
    epsilon, second, delta = entry.epsilon, entry.second_epsilon, entry.delta
    if epsilon is None or second is None or delta is None or entry.floor is None:
        return "it claims nothing, and its mechanism has an epsilon"
    if not sampled_gaussian.LEAST_DELTA <= delta < 1 / entry.n:
        return f"its delta is {delta:g}, and there are {entry.n} units"
    try:
        run = entry.run
    except BudgetError as error:
        return str(error)
    if not (same(entry.sensitivity, entry.clip) and same(entry.sigma, run.noise_multiplier * entry.clip)):
        return "its sigma is not its noise multiplier times its clip"
    if not epsilon * (1 - sampled_gaussian.MOST_APART) <= second <= epsilon:
        return f"it claims epsilon {epsilon:.6g}, and its second accountant has {second:.6g}"
    found = sampled_gaussian.pld_epsilon(run, delta)
    most = found / (1 - sampled_gaussian.MOST_APART) * (1 + _RECOMPUTED)
    if not found * (1 - _RECOMPUTED) <= epsilon <= most:
        return f"it claims epsilon {epsilon:.6g}, and its mechanism has {found:.6g}"
    floor = sampled_gaussian.error_floor(run)
    return "" if abs(entry.floor - floor) <= 1e-2 * floor + 1e-6 else "its floor is not that of its mechanism"

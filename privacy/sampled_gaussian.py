"""What DP-SGD costs: the Gaussian mechanism on Poisson samples, many steps of it, by accountants that check each other.

Knows a noise multiplier, a rate and a number of steps; no networks, no gradients and no torch. Neighbouring is add or
remove one unit (`privacy.mechanisms` exchanges one: the two are never added up).

    each step    every unit takes part with probability q; sum of what they say, each of norm 1 at most, + N(0, z^2 I)

* Abadi et al. 2016: DP-SGD; z is sigma in units of the clipping norm
* PLD: Koskela, Jälkö & Honkela 2020; Doroshenko et al. 2022 ("connect the dots"), by dp-accounting, rounded up
* PRV: Gopi, Lee & Wutschitz 2021, by Opacus, which needs torch: `privacy.dpsgd` computes it and hands it in
* RDP: Mironov, Talwar & Zhang 2019, an upper bound, by dp-accounting; at orders that are no integers its version 0.6.0
  adds up the absolute values of a series that alternates, so that the bound is a little larger than it need be

**What is counted at all.** The Rényi divergence of order 2 of all steps, R = T log(1 + q^2 (e^(1/z^2) - 1)), is at most
100 (one step that takes everybody has an epsilon of 92 there). By Markov's inequality a privacy loss lies in
-x .. R + x but for a chance of 2 e^-x: so the grid, its memory and its time are known before anything is computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import metadata
from typing import Any

from privacy.budget import Budget
from privacy.errors import AccountantsDisagreeError, BudgetError, ExtraMissingError, NotComposableError

LEAST_NOISE, MOST_NOISE = 0.1, 1e4
LEAST_RATE = 1e-6
MOST_STEPS = 10**6
LEAST_DELTA = 1e-8  # below, the rounding of the Fourier transforms would count
MOST_DIVERGENCE = 100.0
MOST_APART = 0.01  # of the larger one: beyond, one of two accountants is wrong and nobody knows which
_NUMERIC_SLACK = 1e-3  # by which an upper bound may lie below what it bounds: PLD and PRV round up too
_COARSEST = 2.0**-9  # of the grid of losses
MOST_POINTS = 2**20
MOST_TOGETHER = 16 * MOST_POINTS  # of several runs: hundreds of usual ones, or a minute or two of work
_TAILS = 70.0  # x above, on both sides together
_ORDERS = [tenths / 10 for tenths in range(16, 110)] + [*range(11, 64), 128, 256, 512, 1024]

Kinds = tuple[tuple[float, float, int], ...]  # noise multiplier, sample rate, steps; sorted


@dataclass(frozen=True, slots=True)
class SampledGaussian:
    """*steps* steps at *sample_rate* with noise of *noise_multiplier* clipping norms. BudgetError if not to be counted.

    sample_rate is q in 0..1 and not a batch; at q = 1 it is the plain Gaussian mechanism of mu = sqrt(steps) / z.
    """

    noise_multiplier: float
    sample_rate: float
    steps: int

    def __post_init__(self) -> None:
        """Refuse what is no mechanism, and what no figure could be named for."""
        if not LEAST_NOISE <= self.noise_multiplier <= MOST_NOISE:
            raise BudgetError(
                f"the noise multiplier is {self.noise_multiplier}; "
                f"it has to lie in {LEAST_NOISE:g} .. {MOST_NOISE:g} to be accounted for"
            )
        if not LEAST_RATE <= self.sample_rate <= 1:
            raise BudgetError(f"the sample rate is {self.sample_rate}; it has to lie in {LEAST_RATE:g} .. 1")
        if not isinstance(self.steps, int) or isinstance(self.steps, bool) or not 1 <= self.steps <= MOST_STEPS:
            raise BudgetError(f"there are {self.steps} steps; it has to be a whole number of 1 .. {MOST_STEPS}")
        if self.divergence > MOST_DIVERGENCE:
            raise BudgetError(
                f"{self.steps} steps at a rate of {self.sample_rate:.3g} with a noise multiplier of "
                f"{self.noise_multiplier:.3g} give away more than is counted here"
            )

    @property
    def divergence(self) -> float:
        """The Rényi divergence of order 2 of all steps, in closed form: the expected privacy loss is no larger."""
        return self.steps * math.log1p(self.sample_rate**2 * math.expm1(self.noise_multiplier**-2))

    @property
    def points(self) -> int:
        """Of the grid that its epsilon is computed on: what memory and time go with. At most MOST_POINTS."""
        kinds = ((self.noise_multiplier, self.sample_rate, self.steps),)
        return math.ceil(_span(kinds) / _interval(kinds))

    def repeated(self, times: int) -> SampledGaussian:
        """The same, *times* times over. BudgetError."""
        return replace(self, steps=self.steps * times)


@dataclass(frozen=True, slots=True)
class Claim:
    """What may be claimed for a run, and by whom it was computed."""

    epsilon: float  # the larger of PLD and PRV
    delta: float
    accountant: str  # name and version, of the one that epsilon is by
    second_accountant: str
    second_epsilon: float
    rdp_epsilon: float  # an upper bound


def claim(run: SampledGaussian, delta: float, prv_epsilon: float) -> Claim:
    """What *run* may claim at *delta*. AccountantsDisagreeError, and then nothing may be; ExtraMissingError.

    *prv_epsilon* is Opacus's upper bound; its own error, which is absolute, has to be small against it.
    """
    pld, rdp = pld_epsilon(run, delta), rdp_epsilon(run, delta)
    (first, larger), (second, smaller) = sorted([(pld_name(), pld), (prv_name(), prv_epsilon)], key=lambda one: -one[1])
    if not (math.isfinite(larger) and smaller >= 0 and larger - smaller <= MOST_APART * larger):
        raise AccountantsDisagreeError(
            f"two accountants disagree about epsilon: PLD has {pld:.4g} and PRV {prv_epsilon:.4g}, "
            f"which is more than {100 * MOST_APART:g} % apart, so nothing can be claimed"
        )
    if rdp < larger * (1 - _NUMERIC_SLACK):
        raise AccountantsDisagreeError(
            f"two accountants disagree about epsilon: RDP, an upper bound, has {rdp:.4g}, "
            f"and {'PLD' if larger == pld else 'PRV'} has {larger:.4g}, so nothing can be claimed"
        )
    return Claim(larger, delta, first, second, smaller, rdp)


def calibrate(budget: Budget, sample_rate: float, steps: int, *, room: float = 0.0) -> float:
    """The least noise multiplier, rounded up to 1e-3 of itself, whose PLD epsilon keeps *budget*. BudgetError.

    *room* is what epsilon has to stay below the budget: for who then claims by `claim`, whose PRV rounds up by more.
    That delta is below 1/n only who knows n can say: `Budget.require_for`.
    """
    wanted = budget.epsilon - room
    if not 0 <= room < budget.epsilon:
        raise BudgetError(f"a room of {room:g} leaves nothing of epsilon {budget.epsilon:g}")

    def keeps(multiplier: float) -> bool:
        try:
            run = SampledGaussian(multiplier, sample_rate, steps)
        except BudgetError:
            if multiplier >= MOST_NOISE:
                raise
            return False  # so little noise that nothing is counted
        return pld_epsilon(run, budget.delta) <= wanted

    SampledGaussian(MOST_NOISE, sample_rate, steps)  # what is wrong with the rest shows here
    if keeps(LEAST_NOISE):
        return LEAST_NOISE
    low, high = LEAST_NOISE, 2 * LEAST_NOISE
    while not keeps(min(high, MOST_NOISE)):
        if high >= MOST_NOISE:
            raise BudgetError(f"no noise that is counted here keeps epsilon {wanted:g} over {steps} steps")
        low, high = high, 2 * high
    high = min(high, MOST_NOISE)
    while high > low * (1 + 1e-4):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if keeps(middle) else (middle, high)
    digits = 3 - math.floor(math.log10(high))
    rounded = math.ceil(high * 10**digits) / 10**digits
    return rounded if keeps(rounded) else high


def pld_epsilon(run: SampledGaussian, delta: float) -> float:
    """The epsilon of *run* at *delta* by its privacy loss distribution, rounded up. ExtraMissingError, BudgetError."""
    return composed_epsilon((run,), delta)


def composed_epsilon(runs: Sequence[SampledGaussian], delta: float) -> float:
    """The epsilon of *runs* seen together: the convolution of their privacy loss distributions.

    ExtraMissingError; NotComposableError where together they give away more than is counted; BudgetError.
    """
    _require_delta(delta)
    steps: dict[tuple[float, float], int] = {}
    for run in runs:
        kind = (run.noise_multiplier, run.sample_rate)
        steps[kind] = steps.get(kind, 0) + run.steps
    total = math.fsum(run.divergence for run in runs)
    if total > MOST_DIVERGENCE or sum(steps.values()) > MOST_STEPS:
        raise NotComposableError("together these runs give away more than is counted here")
    return _composed_epsilon(tuple(sorted((z, q, count) for (z, q), count in steps.items())), delta) if steps else 0.0


def error_floor(run: SampledGaussian) -> float:
    """The error rate that the best possible test of whether a unit took part cannot beat: (1 - delta(0)) / 2.

    delta(0) is the total variation between the two outputs, so that the two kinds of error add up to 1 - delta(0) or
    more. ExtraMissingError.
    """
    return _composed_floor(((run.noise_multiplier, run.sample_rate, run.steps),))


def rdp_epsilon(run: SampledGaussian, delta: float) -> float:
    """An upper bound of the same by Rényi divergences. ExtraMissingError, BudgetError."""
    _require_delta(delta)
    with _library():
        import dp_accounting
        from dp_accounting import rdp

        accountant = rdp.RdpAccountant(_ORDERS, dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
        step = dp_accounting.PoissonSampledDpEvent(run.sample_rate, dp_accounting.GaussianDpEvent(run.noise_multiplier))
        return float(accountant.compose(step, run.steps).get_epsilon(delta))


def pld_name() -> str:
    """Of the accountant, with its version. ExtraMissingError."""
    return f"PLD, dp-accounting {_version('dp-accounting')}"


def rdp_name() -> str:
    """Of the upper bound. ExtraMissingError."""
    return f"RDP, dp-accounting {_version('dp-accounting')}"


def prv_name() -> str:
    """Of the other one. ExtraMissingError."""
    return f"PRV, opacus {_version('opacus')}"


@lru_cache(maxsize=512)  # a ledger is read more than once in one call of the program, and its lines with it
def _composed_epsilon(kinds: Kinds, delta: float) -> float:
    with _library():
        return float(_losses(kinds).get_epsilon_for_delta(delta))


@lru_cache(maxsize=512)
def _composed_floor(kinds: Kinds) -> float:
    with _library():
        return (1 - min(1.0, float(_losses(kinds).get_delta_for_epsilon(0.0)))) / 2


@lru_cache(maxsize=2)  # some megabytes each
def _losses(kinds: Kinds) -> Any:
    from dp_accounting.pld import privacy_loss_distribution as losses

    interval = _interval(kinds)
    whole = losses.identity(value_discretization_interval=interval)
    for noise, rate, steps in kinds:
        one = losses.from_gaussian_mechanism(
            noise, sampling_prob=rate, value_discretization_interval=interval, pessimistic_estimate=True
        )
        whole = whole.compose(one.self_compose(steps))
    return whole


def _interval(kinds: Kinds) -> float:
    """Of the grid of losses: fine enough for what is to be found, coarse enough to end; a power of 2, so exact.

    Rounding up to the grid costs T steps about T interval^2 of epsilon (measured: 0.4 to 0.9 of it, docs/LOG.md). It is
    kept below 1/2000 of sqrt(R), which is below epsilon wherever delta is small, as long as the points allow.
    """
    total = math.fsum(SampledGaussian(*kind).divergence for kind in kinds)
    steps = sum(count for _, _, count in kinds)
    fine = math.sqrt(5e-4 * math.sqrt(total) / steps)
    most = min(MOST_POINTS, MOST_TOGETHER / len(kinds))
    interval = min(max(fine, 2 * _span(kinds) / most), _COARSEST)
    return 2.0 ** math.floor(math.log2(interval))


def _span(kinds: Kinds) -> float:
    """What the grid has to reach over: the losses of all steps together, or of one, whose noise is cut at e^-50."""
    total = math.fsum(SampledGaussian(*kind).divergence for kind in kinds)
    return total + _TAILS + max(20 / noise + noise**-2 for noise, _, _ in kinds)


def _require_delta(delta: float) -> None:
    if not LEAST_DELTA <= delta < 1:
        raise BudgetError(f"delta is {delta}; for sampled runs it has to be {LEAST_DELTA:g} or more, and below 1")


@contextmanager
def _library() -> Iterator[None]:
    """dp-accounting, or a sentence that it is missing; its remarks, which go to standard error, are left out.

    They tell that an order's series did not converge and was left out: a bound by the others is a bound.
    """
    try:
        from absl import logging
    except ImportError as error:
        raise _missing() from error
    logger = logging.get_absl_logger()
    before, logger.disabled = logger.disabled, True
    try:
        yield
    except ImportError as error:
        raise _missing() from error
    finally:
        logger.disabled = before


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise _missing() from None


def _missing() -> ExtraMissingError:
    return ExtraMissingError("what accounts for sampled runs is not installed: it needs the extra [private]")

"""What DP-SGD costs: the figures of the trials, the same by plain integration, and what is refused."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy import accountant, sampled_gaussian
from privacy.budget import Budget
from privacy.errors import AccountantsDisagreeError, BudgetError, ExtraMissingError, NotComposableError
from privacy.sampled_gaussian import (
    SampledGaussian,
    calibrate,
    claim,
    composed_epsilon,
    error_floor,
    pld_epsilon,
    rdp_epsilon,
)

DELTA = 1e-5
THEN = SampledGaussian(1.0, 32 / 300, 187)  # N = 300, batch 32, 20 epochs: as PRIVACY.md has it
ORDERS = (*np.arange(1.5, 6, 0.1), *np.arange(6, 40, 1.0))
PRV_THEN = 10.334  # by Opacus 1.6.0 of that


def densities(run: SampledGaussian) -> tuple[np.ndarray, np.ndarray, float]:
    """One step's two outputs that are easiest to tell apart, (1-q) N(0) + q N(1) and N(0), on a fine grid."""
    z, q = run.noise_multiplier, run.sample_rate
    x, step = np.linspace(-14 * z, 14 * z + 1, 100_001, retstep=True)
    without = np.exp(-(x**2) / (2 * z * z)) / (z * math.sqrt(2 * math.pi))
    taking_part = np.exp(-((x - 1) ** 2) / (2 * z * z)) / (z * math.sqrt(2 * math.pi))
    return (1 - q) * without + q * taking_part, without, float(step)


def integrated_epsilon(run: SampledGaussian, delta: float) -> float:
    """The definition, for one step: the least epsilon with integral of (p - e^epsilon p')+ <= delta, either way."""
    mixed, without, step = densities(run)

    def within(epsilon: float) -> bool:
        lost = (
            np.maximum(p - math.exp(epsilon) * other, 0).sum() * step
            for p, other in ((mixed, without), (without, mixed))
        )
        return max(lost) <= delta

    return 0.0 if within(0.0) else bisected(within, 0.0, 50.0)


def integrated_rdp_epsilon(run: SampledGaussian, delta: float) -> float:
    """Mironov's, at orders of 1.5 to 40, by integration; converted as Canonne et al. 2020, Proposition 12 has it."""
    z, q = run.noise_multiplier, run.sample_rate
    x, step = np.linspace(-14 * z, 40 + 14 * z, 4001, retstep=True)
    log_without = -(x**2) / (2 * z * z) - math.log(z * math.sqrt(2 * math.pi))
    log_ratio = np.logaddexp(math.log1p(-q), math.log(q) + (2 * x - 1) / (2 * z * z))
    bounds = []
    for order in ORDERS:
        exponents = log_without + order * log_ratio
        top = exponents.max()
        moment = top + math.log(np.exp(exponents - top).sum() * step)
        rho = run.steps * moment / (order - 1)
        bounds.append(rho - math.log(delta * order) / (order - 1) + math.log1p(-1 / order))
    return min(bounds)


def bisected(within: Callable[[float], bool], low: float, high: float) -> float:
    for _ in range(45):
        middle = (low + high) / 2
        low, high = (low, middle) if within(middle) else (middle, high)
    return high


def test_the_figures_of_the_trials() -> None:
    """RDP by dp-accounting is .6 % above the trials' 11.4, which was Opacus's: by the integral, both are bounds."""
    assert f"{pld_epsilon(THEN, DELTA):.2f}" == "10.32"
    assert f"{claim(THEN, DELTA, PRV_THEN).epsilon:.2f}" == "10.33"
    exact = integrated_rdp_epsilon(THEN, DELTA)
    assert f"{exact:.1f}" == "11.4"
    assert exact <= rdp_epsilon(THEN, DELTA) <= 1.01 * exact


@pytest.mark.parametrize(
    ("n", "batch", "then", "now"),
    [(300, 64, (8.5, 2.6, 1.57), (7.842, 2.437, 1.475)), (1000, 128, (6.7, 2.1, 1.3), (6.121, 1.955, 1.228))],
)
def test_noise_multipliers(n: int, batch: int, then: tuple[float, ...], now: tuple[float, ...]) -> None:
    """The trials asked RDP, which takes more noise than is needed; PLD takes less for the same claim."""
    q, steps = batch / n, int(20 * n / batch)
    for epsilon, told, least in zip((1.0, 4.0, 8.0), then, now, strict=True):
        assert pld_epsilon(SampledGaussian(least, q, steps), DELTA) <= epsilon
        assert pld_epsilon(SampledGaussian(least * (1 - 2e-3), q, steps), DELTA) > epsilon
        half = 0.5 * 10 ** -len(str(told).partition(".")[2])
        some_less, some_more = (SampledGaussian(told + off, q, steps) for off in (-half, half))
        tolerance = 0.01  # of epsilon, with which Opacus looks for it
        assert integrated_rdp_epsilon(some_less, DELTA) > epsilon - tolerance
        assert integrated_rdp_epsilon(some_more, DELTA) <= epsilon


@pytest.mark.parametrize(("noise", "steps"), [(0.5, 1), (3.0, 1), (20.0, 1), (10.0, 9), (100.0, 400)])
def test_where_everybody_takes_part_it_is_the_plain_gaussian(noise: float, steps: int) -> None:
    exact = accountant.epsilon_of(math.sqrt(steps) / noise, DELTA)
    assert exact <= pld_epsilon(SampledGaussian(noise, 1.0, steps), DELTA) <= 1.001 * exact


@pytest.mark.parametrize("noise", [0.5, 3.0, 20.0])
def test_the_best_error_rate_is_that_of_the_plain_gaussian_and_never_more(noise: float) -> None:
    exact = accountant.error_floor(1 / noise)
    assert exact * (1 - 1e-3) <= error_floor(SampledGaussian(noise, 1.0, 1)) <= exact * (1 + 1e-9)
    mixed, without, step = densities(SampledGaussian(noise, 0.3, 1))
    overlap = float(np.minimum(mixed, without).sum() * step)  # of what a test calls neither the one nor the other
    assert overlap / 2 * (1 - 1e-3) <= error_floor(SampledGaussian(noise, 0.3, 1)) <= overlap / 2 * (1 + 1e-6)


@pytest.mark.parametrize(("noise", "rate"), [(0.5, 0.02), (1.0, 0.1), (1.0, 0.5), (2.0, 0.9), (4.0, 0.3)])
def test_one_step_is_what_the_definition_says(noise: float, rate: float) -> None:
    run = SampledGaussian(noise, rate, 1)
    exact = integrated_epsilon(run, DELTA)
    assert exact * (1 - 1e-6) <= pld_epsilon(run, DELTA) <= exact * 1.001
    assert rdp_epsilon(run, DELTA) > exact


@pytest.mark.parametrize(("noise", "rate"), [(0.3, 0.01), (1.0, 0.1), (1.0, 1.0), (30.0, 0.5)])
def test_the_divergence_that_bounds_the_work_is_that_of_the_densities(noise: float, rate: float) -> None:
    mixed, without, step = densities(SampledGaussian(noise, rate, 1))
    kept = without > 0
    moment = float((mixed[kept] ** 2 / without[kept]).sum() * step)
    assert SampledGaussian(noise, rate, 3).divergence == pytest.approx(3 * math.log(moment), rel=1e-6)


@settings(max_examples=8, deadline=None)
@given(st.floats(0.8, 20), st.floats(0.01, 1), st.integers(1, 30), st.floats(1.01, 3))  # 60 steps at 0.8 are counted
def test_more_noise_costs_less_and_more_steps_cost_more(noise: float, rate: float, steps: int, factor: float) -> None:
    epsilon = pld_epsilon(SampledGaussian(noise, rate, steps), DELTA)
    slack = 1e-3 * epsilon + 1e-4  # of the grid, which may be another one
    assert pld_epsilon(SampledGaussian(noise * factor, rate, steps), DELTA) <= epsilon + slack
    assert pld_epsilon(SampledGaussian(noise, rate, 2 * steps), DELTA) >= epsilon - slack


def test_runs_together() -> None:
    one, other = SampledGaussian(2.0, 0.2, 50), SampledGaussian(1.5, 0.1, 40)
    both = composed_epsilon([one, other], DELTA)
    assert composed_epsilon([other, one], DELTA) == both
    assert max(pld_epsilon(one, DELTA), pld_epsilon(other, DELTA)) < both
    assert both < pld_epsilon(one, DELTA / 2) + pld_epsilon(other, DELTA / 2)  # composition as it was before PLD
    assert composed_epsilon([one, one], DELTA) == pld_epsilon(one.repeated(2), DELTA)
    assert composed_epsilon([], DELTA) == 0.0
    gaussians = [SampledGaussian(4.0, 1.0, 1), SampledGaussian(3.0, 1.0, 1)]
    exact = accountant.epsilon_of(math.hypot(1 / 4, 1 / 3), DELTA)
    assert exact <= composed_epsilon(gaussians, DELTA) <= 1.001 * exact


@pytest.mark.parametrize(
    ("noise", "rate", "steps", "told"),
    [
        (0.0, 0.1, 10, "noise multiplier"),
        (-1.0, 0.1, 10, "noise multiplier"),
        (1e-9, 1e-6, 10**12, "noise multiplier"),
        (math.nan, 0.1, 10, "noise multiplier"),
        (math.inf, 0.1, 10, "noise multiplier"),
        (1.0, 0.0, 10, "sample rate"),
        (1.0, 1.5, 10, "sample rate"),
        (1.0, math.nan, 10, "sample rate"),
        (1.0, 1e-9, 10, "sample rate"),
        (1.0, 0.1, 0, "steps"),
        (1.0, 0.1, 10**12, "steps"),
        (1.0, 0.1, 2.5, "steps"),
        (1.0, 0.1, True, "steps"),
        (0.1, 1.0, 2, "more than is counted here"),
        (0.5, 0.5, 10**6, "more than is counted here"),
    ],
)
def test_what_is_no_mechanism_is_refused_at_once(noise: float, rate: float, steps: int, told: str) -> None:
    with pytest.raises(BudgetError, match=told):
        SampledGaussian(noise, rate, steps)


def test_runs_that_are_too_many_together_are_refused() -> None:
    with pytest.raises(NotComposableError, match="more than is counted here"):
        composed_epsilon([SampledGaussian(0.2, 1.0, 2)] * 3, DELTA)
    with pytest.raises(NotComposableError):
        composed_epsilon([SampledGaussian(1e3, 1e-6, 10**6)] * 2, DELTA)


@pytest.mark.parametrize("delta", [0.0, 1e-12, 1.0, math.nan])
def test_a_delta_below_what_the_figures_carry_is_refused(delta: float) -> None:
    for figure in (pld_epsilon, rdp_epsilon):
        with pytest.raises(BudgetError, match="delta"):
            figure(THEN, delta)


def test_the_larger_of_two_is_claimed_and_both_are_named() -> None:
    larger, smaller = claim(THEN, DELTA, PRV_THEN), claim(THEN, DELTA, 10.30)
    assert (larger.epsilon, larger.accountant) == (PRV_THEN, "PRV, opacus 1.6.0")
    assert larger.second_accountant.startswith("PLD, dp-accounting")
    assert larger.second_epsilon == smaller.epsilon == pld_epsilon(THEN, DELTA)
    assert smaller.accountant.startswith("PLD")
    assert larger.rdp_epsilon == rdp_epsilon(THEN, DELTA)


@pytest.mark.parametrize("prv", [10.2, 10.45, 0.0, -1.0, math.inf, math.nan])
def test_accountants_that_disagree_claim_nothing(prv: float) -> None:
    with pytest.raises(AccountantsDisagreeError, match=r"PLD has 10\.32 and PRV"):
        claim(THEN, DELTA, prv)


def test_an_upper_bound_below_what_it_bounds_claims_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampled_gaussian, "rdp_epsilon", lambda run, delta: 10.2)
    with pytest.raises(AccountantsDisagreeError, match=r"RDP, an upper bound, has 10\.2, and PRV has 10\.33"):
        claim(THEN, DELTA, PRV_THEN)


def test_calibration_is_the_least_noise_and_leaves_room_where_asked() -> None:
    noise = calibrate(Budget(8.0, DELTA), 0.2, 100)
    assert pld_epsilon(SampledGaussian(noise, 0.2, 100), DELTA) <= 8.0
    assert pld_epsilon(SampledGaussian(noise * (1 - 2e-3), 0.2, 100), DELTA) > 8.0
    assert pld_epsilon(SampledGaussian(calibrate(Budget(8.0, DELTA), 0.2, 100, room=0.5), 0.2, 100), DELTA) <= 7.5
    assert calibrate(Budget(200.0, DELTA), 0.01, 1) == sampled_gaussian.LEAST_NOISE


def test_what_no_noise_can_keep_is_refused() -> None:
    with pytest.raises(BudgetError, match="no noise that is counted here"):
        calibrate(Budget(1e-3, DELTA), 1.0, 10**4)
    with pytest.raises(BudgetError, match="sample rate"):
        calibrate(Budget(1.0, DELTA), 2.0, 10)
    with pytest.raises(BudgetError, match="room"):
        calibrate(Budget(1.0, DELTA), 0.5, 10, room=1.0)


def test_without_the_extra_there_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("absl", "dp_accounting", "dp_accounting.pld"):
        monkeypatch.setitem(sys.modules, module, None)
    for figure in (pld_epsilon, rdp_epsilon):
        with pytest.raises(ExtraMissingError, match=r"needs the extra \[private\]"):
            figure(SampledGaussian(1.25, 0.25, 3), DELTA)

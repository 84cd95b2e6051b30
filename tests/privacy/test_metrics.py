"""An attack's figures on distributions whose figures are known: two Gaussians, the same twice, none in common."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy import metrics
from privacy.errors import AttackError

PHI = NormalDist().cdf
SCORES = st.lists(st.integers(-5, 5), min_size=1, max_size=12)  # small integers: ties are common


def generator(key: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=key))


def gaussians(apart: float, count: int = 60_000, key: int = 1) -> metrics.Curve:
    drawn = generator(key).standard_normal((2, count))
    return metrics.curve(drawn[0] + apart, drawn[1])


def d_sys_of_gaussians(apart: float, omega: float = 1.0) -> float:
    """By a sum over a fine grid, from the definition alone."""
    s = np.linspace(-10, 10 + apart, 200_001)
    mated, non_mated = np.exp(-((s - apart) ** 2) / 2), np.exp(-(s**2) / 2)
    ratio = omega * mated / non_mated
    local = np.where(ratio > 1, 2 * ratio / (1 + ratio) - 1, 0.0)
    return float((mated * local).sum() * (s[1] - s[0]) / math.sqrt(2 * math.pi))


@pytest.mark.parametrize("apart", [0.0, 0.5, 1.0, 2.0, 4.0])
def test_two_gaussians(apart: float) -> None:
    """Tolerances: four standard errors of 60,000, and what a hull adds where there is nothing to be told apart."""
    found = gaussians(apart)
    assert metrics.equal_error_rate(found) == pytest.approx(PHI(-apart / 2), abs=0.008)
    assert metrics.area_under_curve(found) == pytest.approx(PHI(apart / math.sqrt(2)), abs=0.007)
    assert metrics.unlinkability(found) == pytest.approx(d_sys_of_gaussians(apart), abs=0.01)
    assert metrics.true_positive_rate(found) == pytest.approx(metrics.most_true_positives(apart), abs=0.02)


def test_the_best_at_one_percent_is_what_gaussians_have() -> None:
    """PHI(PHI^-1(.01) + mu), and .01 for no information."""
    assert metrics.most_true_positives(0.0) == pytest.approx(0.01)
    assert metrics.most_true_positives(2.0) == pytest.approx(0.3721, abs=1e-4)
    assert metrics.largest_area(2.0) == pytest.approx(PHI(math.sqrt(2)))


@pytest.mark.parametrize("omega", [0.1, 1.0, 10.0])
def test_omega_is_the_ratio_of_the_priors(omega: float) -> None:
    assert metrics.unlinkability(gaussians(1.0), omega) == pytest.approx(d_sys_of_gaussians(1.0, omega), abs=0.01)


def test_nothing_in_common() -> None:
    found = metrics.curve([3.0, 4.0, 5.0], [0.0, 1.0])
    assert metrics.equal_error_rate(found) == 0.0
    assert [f(found) for f in (metrics.unlinkability, metrics.true_positive_rate, metrics.area_under_curve)] == [
        1.0
    ] * 3
    assert metrics.det_curve(found)[0].size == 0


def test_the_same_scores_tell_nothing() -> None:
    found = metrics.curve([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert metrics.equal_error_rate(found) == pytest.approx(0.5)
    assert metrics.unlinkability(found) == pytest.approx(0.0, abs=1e-12)
    assert metrics.area_under_curve(found) == pytest.approx(0.5)


def test_a_small_example_by_hand() -> None:
    """Mated 1, 3, 4, non-mated 0, 2: corners (0, 2/3), (1/2, 1) of the hull."""
    found = metrics.curve([1.0, 3.0, 4.0], [0.0, 2.0])
    assert [list(axis) for axis in found.hull] == [[0.0, 0.0, 0.5, 1.0], pytest.approx([0.0, 2 / 3, 1.0, 1.0])]
    assert metrics.equal_error_rate(found) == pytest.approx(0.2)  # 2/3 + 2/3 x = 1 - x
    assert metrics.area_under_curve(found) == pytest.approx(5 / 6)
    assert metrics.true_positive_rate(found) == pytest.approx(2 / 3)
    # of the mated 2/3 have D = 1, 1/3 lie where LR = (1/3) / (1/2): less than one, and D = 0
    assert metrics.unlinkability(found) == pytest.approx(2 / 3)


def test_upside_down_is_told_by_the_area_alone() -> None:
    found = metrics.curve([0.0, 1.0], [2.0, 3.0])
    assert metrics.area_under_curve(found) == 0.0
    assert metrics.unlinkability(found) == 0.0
    assert metrics.equal_error_rate(found) == 0.5


def test_two_gaussians_make_a_straight_line_on_probit_axes() -> None:
    """Misses Phi(t - d) over false alarms Phi(-t): probit(miss) = -d - probit(fa)."""
    false_alarms, misses = metrics.det_curve(gaussians(1.5))
    middle = (np.abs(false_alarms) < 1.5) & (np.abs(misses) < 1.5)
    assert middle.sum() > 1000
    assert np.abs(misses + false_alarms + 1.5)[middle].max() < 0.06


@given(SCORES, SCORES)
def test_area_is_the_share_of_pairs(mated: list[int], non_mated: list[int]) -> None:
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in mated for b in non_mated]
    assert metrics.area_under_curve(metrics.curve(mated, non_mated)) == pytest.approx(sum(pairs) / len(pairs))


@given(SCORES, SCORES)
def test_equal_error_rate_is_the_worst_prior_s_least_error(mated: list[int], non_mated: list[int]) -> None:
    """max over p of min over thresholds of p miss + (1 - p) false alarm; it lies where two lines cross."""
    fpr, tpr = metrics.curve(mated, non_mated).corners
    priors = np.linspace(0, 1, 2001)[:, None]
    worst = float((priors * (1 - tpr) + (1 - priors) * fpr).min(axis=1).max())
    assert metrics.equal_error_rate(metrics.curve(mated, non_mated)) == pytest.approx(worst, abs=1e-3)


@given(SCORES, SCORES)
def test_a_rising_function_of_the_scores_changes_nothing(mated: list[int], non_mated: list[int]) -> None:
    before, after = metrics.curve(mated, non_mated), metrics.curve(np.exp(mated) * 7 - 1, np.exp(non_mated) * 7 - 1)
    for figure in (
        metrics.equal_error_rate,
        metrics.unlinkability,
        metrics.true_positive_rate,
        metrics.area_under_curve,
    ):
        assert figure(before) == figure(after)


@given(SCORES, SCORES)
def test_turned_round_and_exchanged_is_the_same_test(mated: list[int], non_mated: list[int]) -> None:
    before, after = metrics.curve(mated, non_mated), metrics.curve(-np.array(non_mated), -np.array(mated))
    assert metrics.area_under_curve(before) == pytest.approx(metrics.area_under_curve(after))
    assert metrics.equal_error_rate(before) == pytest.approx(metrics.equal_error_rate(after))


@given(SCORES, SCORES)
def test_figures_are_shares_and_the_hull_is_over_the_curve(mated: list[int], non_mated: list[int]) -> None:
    found = metrics.curve(mated, non_mated)
    fpr, tpr = found.hull
    assert (np.interp(found.corners[0], fpr, tpr) >= found.corners[1] - 1e-9).all()
    assert (np.diff(fpr) >= 0).all()
    assert 0 <= metrics.equal_error_rate(found) <= 0.5
    assert 0 <= metrics.unlinkability(found) <= 1
    assert metrics.true_positive_rate(found) <= metrics.true_positive_rate(found, 0.5)


@given(SCORES, SCORES, st.integers(2, 4))
def test_a_weight_is_a_repetition(mated: list[int], non_mated: list[int], times: int) -> None:
    weights = (np.ones(len(mated)), np.ones(len(non_mated)))
    weights[0][0] = times
    weighted = metrics.in_order(mated, non_mated).curve(*weights)
    repeated = metrics.curve(mated + mated[:1] * (times - 1), non_mated)
    assert metrics.equal_error_rate(weighted) == pytest.approx(metrics.equal_error_rate(repeated))
    assert metrics.unlinkability(weighted) == pytest.approx(metrics.unlinkability(repeated))


def test_weights_of_nothing_leave_no_trace() -> None:
    """Two corners at one place, of scores that no drawing took, once took the hull's own corner with them."""
    ordered = metrics.in_order([9.0, 8.0, 7.0], [6.0, 1.0, 0.0])
    weighted = ordered.curve(np.array([1.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0]))
    assert metrics.equal_error_rate(weighted) == 0.0
    assert metrics.unlinkability(weighted) == 1.0


def test_infinite_scores_are_scores() -> None:
    assert metrics.area_under_curve(metrics.curve([math.inf, 1.0], [-math.inf, 1.0])) == pytest.approx(0.875)


@pytest.mark.parametrize(
    ("mated", "non_mated", "told"),
    [
        ([], [1.0], "no mated comparison"),
        ([1.0], [], "no non-mated comparison"),
        ([math.nan, 1.0], [1.0], "a mated score is no number"),
        ([1.0], [math.nan], "a non-mated score is no number"),
    ],
)
def test_what_has_no_rate_is_refused(mated: list[float], non_mated: list[float], told: str) -> None:
    with pytest.raises(AttackError, match=told):
        metrics.curve(mated, non_mated)


def test_comparisons_that_count_nothing_are_refused() -> None:
    with pytest.raises(AttackError, match="count nothing"):
        metrics.in_order([1.0], [2.0]).curve(np.zeros(1), np.ones(1))


@pytest.mark.parametrize("omega", [0.0, -1.0, math.nan, math.inf])
def test_a_ratio_that_is_none_is_refused(omega: float) -> None:
    with pytest.raises(AttackError, match="omega"):
        metrics.unlinkability(metrics.curve([1.0], [0.0]), omega)

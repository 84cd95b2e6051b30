"""What is added, what is claimed for it, and what is refused."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import pytest

from privacy import accountant
from privacy.budget import Budget
from privacy.errors import BudgetError, VectorError
from privacy.mechanisms import STEPS, Mechanism, calibrate, claimed, jitter, mean, release, sensitivity


def vectors(n: int, dimension: int, key: int = 1) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=key)).standard_normal((n, dimension))


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 4.0, 8.0])
@pytest.mark.parametrize(("n", "dimension"), [(1, 128), (1, 20480), (20, 256), (60, 256), (1000, 512)])
def test_what_is_claimed_is_never_more_than_asked_and_hardly_less(epsilon: float, n: int, dimension: int) -> None:
    budget = Budget(epsilon)
    made = calibrate("local" if n == 1 else "utterance", budget, dimension, n)
    assert made.epsilon is not None
    assert made.mu is not None
    assert epsilon * 0.998 < made.epsilon <= epsilon
    assert made.sigma == pytest.approx(made.sensitivity / accountant.mu_of(budget), rel=1e-3)
    assert made.sensitivity == pytest.approx(2 / n + math.sqrt(dimension) * 2**-20, rel=1e-9)
    assert accountant.epsilon_of(made.mu, 1e-5) <= made.epsilon <= accountant.zcdp_epsilon(made.mu, 1e-5)


@pytest.mark.parametrize(("epsilon", "sigma"), [(8, 1.20), (4, 2.16), (1, 7.46)])
def test_the_table_of_one_vector(epsilon: float, sigma: float) -> None:
    assert round(calibrate("local", Budget(epsilon), 256, 1).sigma, 2) == sigma


def test_no_two_neighbours_are_farther_apart_than_is_said() -> None:
    """Replace one of n by its opposite, the worst there is, at the worst rounding that a search finds."""
    for n, dimension in ((1, 16), (2, 64), (7, 128)):
        for key in range(20):
            rows = vectors(n, dimension, key)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            other = rows.copy()
            other[0] = -other[0]
            means = [np.rint(mean(r) * STEPS) / STEPS for r in (rows, other)]
            assert np.linalg.norm(means[0] - means[1]) <= sensitivity(n, dimension)


def test_a_mean_does_not_depend_on_the_order_in_any_bit() -> None:
    """A running sum of floats does: what one row leaves of the others' last bits is no part of Delta."""
    rows = vectors(500, 16)
    exact = np.array([float(sum(map(Fraction, column))) for column in rows.T]) / 500
    assert not np.array_equal(rows.mean(axis=0), rows[::-1].mean(axis=0))
    assert np.array_equal(mean(rows), exact)
    assert np.array_equal(mean(rows[::-1]), exact)


@pytest.mark.parametrize(("sigma", "mu"), [(256, 1.7), (4096, 0.3), (4096, 1.7), (5000, 6.0)])
def test_the_claim_holds_for_the_discrete_gaussian_itself(sigma: int, mu: float) -> None:
    """delta summed over every integer (Canonne et al. 2020), at the epsilon that is claimed."""
    shift = math.floor(mu * sigma)
    epsilon = claimed(shift / STEPS, sigma, 1, 1e-5)
    k = np.arange(-14 * sigma, 14 * sigma + shift, dtype=np.float64)
    log_z = np.logaddexp.reduce(-(k**2) / (2 * sigma**2))
    p = -((k - shift) ** 2) / (2 * sigma**2) - log_z
    q = -(k**2) / (2 * sigma**2) - log_z
    delta = float(np.maximum(0.0, np.exp(p) - np.exp(epsilon + q)).sum())
    assert delta <= 1e-5
    assert delta == pytest.approx(1e-5, rel=0.05)


def test_the_noise_has_the_size_that_was_calibrated() -> None:
    """512 values in one release: chi-square, false alarm 10^-9 (see test_discrete_gaussian)."""
    made = Mechanism("local", "speaker", 1, 512, 2.0, STEPS * 3, 2 / 3, 4.0, 1e-5)
    row = np.zeros((1, 512))
    row[0, 0] = 1.0
    squares = []
    for _ in range(4):
        direction = release(row, made)
        assert np.linalg.norm(direction) == pytest.approx(1.0)
        squares.append(float(direction[0]))
    # what is seen of the clean vector is what is expected of it: cosine 1 / (3 sqrt 512) = 0.0147, spread 1 / sqrt 512
    assert abs(np.mean(squares) - made.expected_cosine()) < 6.11 / math.sqrt(512 * 4)


def test_a_mean_of_many_keeps_its_direction() -> None:
    rows = vectors(400, 64) * 0.05 + np.eye(64)[0]
    made = calibrate("utterance", Budget(8.0), 64, 400)
    clean = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).mean(axis=0)
    cosine = float(release(rows, made) @ clean / np.linalg.norm(clean))
    expected = made.expected_cosine(float(np.linalg.norm(clean)))
    assert expected > 0.99
    assert cosine > 0.98  # at 10 standard deviations below what is expected


def test_it_is_never_the_same_twice_whatever_was_seeded() -> None:
    rows = vectors(1, 64)
    made = calibrate("local", Budget(8.0), 64, 1)
    seen = []
    for _ in range(2):
        random.seed(1)
        np.random.seed(1)
        seen.append(release(rows, made).tobytes())
    assert seen[0] != seen[1]


def test_anonymous_reads_nothing_of_anybody() -> None:
    made = calibrate("anonymous", Budget(1.0), 32, 1)
    assert (made.epsilon, made.delta, made.mu, made.floor) == (0.0, 0.0, 0.0, pytest.approx(0.5))
    public = vectors(5, 32)
    drawn = release(public, made)
    outside = drawn - np.linalg.lstsq(public.T, drawn, rcond=None)[0] @ public
    assert np.linalg.norm(outside) < 1e-9
    assert np.linalg.norm(drawn) == pytest.approx(1.0)
    assert not np.array_equal(drawn, release(public, made))


def test_jitter_claims_nothing() -> None:
    made = jitter(0.01, 64)
    assert (made.epsilon, made.delta, made.mu, made.floor) == (None, None, None, None)
    row = vectors(1, 64)
    assert float(release(row, made) @ row[0] / np.linalg.norm(row)) > 0.98
    with pytest.raises(BudgetError, match="jitter has no epsilon"):
        calibrate("jitter", Budget(1.0), 64, 1)


@pytest.mark.parametrize("sigma", [0.0, -0.1, math.nan, math.inf, 1e-9])
def test_no_jitter_is_refused(sigma: float) -> None:
    with pytest.raises(BudgetError, match="sigma"):
        jitter(sigma, 64)


def test_one_recording_cannot_hide_among_itself() -> None:
    with pytest.raises(VectorError, match="among others"):
        calibrate("utterance", Budget(1.0), 64, 1)


def test_delta_of_one_over_n_is_refused() -> None:
    with pytest.raises(BudgetError, match="1/n"):
        calibrate("utterance", Budget(1.0, 1e-3), 64, 2000)


def test_local_beyond_eight_is_refused() -> None:
    with pytest.raises(BudgetError, match="8 at most"):
        calibrate("local", Budget(8.1), 64, 1)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_what_is_no_number_is_refused(wrong: float) -> None:
    rows = vectors(3, 8)
    rows[1, 2] = wrong
    with pytest.raises(VectorError, match="not finite"):
        release(rows, calibrate("utterance", Budget(1.0), 8, 3))


@pytest.mark.parametrize("rows", [np.zeros((3, 8)), np.ones((2, 8)), np.ones((3, 9)), np.ones(8), np.ones((0, 8))])
def test_what_does_not_fit_the_mechanism_is_refused(rows: np.ndarray) -> None:
    with pytest.raises(VectorError):
        release(rows, calibrate("utterance", Budget(1.0), 8, 3))

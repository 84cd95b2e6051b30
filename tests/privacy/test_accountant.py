"""The arithmetic against the tables that were computed with scipy before this code existed, and against slower ways."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy import accountant
from privacy.budget import Budget

DELTA = 1e-5
# epsilon, sigma at Delta = 2, expected cosine at d = 256 / 512 / 20480, floor: as they were computed before this code.
# The cosines were simulated: the last digit may be one off (.021 for 1 / sqrt(1 + 512 * 2.16^2) = .0204).
TABLE = [
    (50, ".300", (".204", ".146", ".023"), ".0004"),
    (20, ".580", (".107", ".076", ".012"), ".04"),
    (8, "1.20", (".052", ".037", ".006"), ".20"),
    (4, "2.16", (".029", ".021", ".003"), ".32"),
    (1, "7.46", (".008", ".006", ".001"), ".45"),
]


def rounds_to(value: float, told: str) -> bool:
    """Whether *value* is what somebody wrote with so many digits."""
    digits = len(told.partition(".")[2])
    return abs(value - float(told)) <= 0.5001 * 10**-digits


@pytest.mark.parametrize(("epsilon", "sigma", "cosines", "floor"), TABLE)
def test_one_vector(epsilon: float, sigma: str, cosines: tuple[str, ...], floor: str) -> None:
    mu = accountant.mu_of(Budget(epsilon, DELTA))
    assert rounds_to(2 / mu, sigma)
    assert rounds_to(accountant.error_floor(mu), floor)
    for dimension, told in zip((256, 512, 20480), cosines, strict=True):
        assert accountant.expected_cosine(2 / mu, dimension) == pytest.approx(float(told), abs=1.01e-3)


@pytest.mark.parametrize(("sigma", "epsilon"), [(0.01, 20852), (0.05, 970)])
def test_noise_that_is_none(sigma: float, epsilon: int) -> None:
    assert round(accountant.epsilon_of(2 / sigma, DELTA)) == epsilon


# n, cosine to the clean mean at epsilon 1 / 4 / 8, d = 256. Its recordings point the same way to 0.92.
@pytest.mark.parametrize(
    ("n", "cosines"), [(20, (".15", ".47", ".69")), (60, (".42", ".85", ".94")), (200, (".84", ".98", ".995"))]
)
def test_the_mean_of_n(n: int, cosines: tuple[str, ...]) -> None:
    for epsilon, told in zip((1, 4, 8), cosines, strict=True):
        sigma = 2 / n / accountant.mu_of(Budget(epsilon, DELTA))
        assert rounds_to(accountant.expected_cosine(sigma, 256, 0.92), told)


@pytest.mark.parametrize(("times", "epsilon"), [(1, "4.00"), (2, "5.99"), (5, "10.4"), (10, "16.1")])
def test_repeated_releases(times: int, epsilon: str) -> None:
    mu = accountant.composed([accountant.mu_of(Budget(4, DELTA))] * times)
    assert rounds_to(accountant.epsilon_of(mu, DELTA), epsilon)


def hockey_stick(epsilon: float, mu: float) -> float:
    """delta by its definition: the integral of max(0, p - e^epsilon q) for two Gaussians mu apart."""
    x = np.linspace(-12, 12 + mu, 2_000_001)
    p, q = (np.exp(-((x - centre) ** 2) / 2) / math.sqrt(2 * math.pi) for centre in (mu, 0.0))
    return float(np.trapezoid(np.maximum(0.0, p - math.exp(epsilon) * q), x))


@pytest.mark.parametrize(("epsilon", "mu"), [(0.0, 0.5), (1.0, 0.268), (4.0, 0.925), (8.0, 1.67), (50.0, 6.68)])
def test_delta_is_the_integral(epsilon: float, mu: float) -> None:
    assert accountant.delta_of(epsilon, mu) == pytest.approx(hockey_stick(epsilon, mu), rel=1e-6)


def test_to_nine_digits_with_fifty_digits() -> None:
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(50):
        for epsilon, mu in [(0.1, 0.05), (1.0, 0.268), (8.0, 1.67), (970.0, 40.0), (20852.0, 200.0)]:
            e, m = mpmath.mpf(epsilon), mpmath.mpf(mu)
            exact = mpmath.ncdf(m / 2 - e / m) - mpmath.exp(e) * mpmath.ncdf(-m / 2 - e / m)
            assert accountant.delta_of(epsilon, mu) == pytest.approx(float(exact), rel=1e-9)
        for x in (-300.0, -40.0, -10.1, -9.9, -1.0, 0.0, 3.0):
            assert accountant.log_phi(x) == pytest.approx(float(mpmath.log(mpmath.ncdf(x))), rel=1e-13, abs=1e-300)


@given(st.floats(0.01, 60), st.floats(1e-9, 1e-3))
def test_back_and_forth_never_claims_more(epsilon: float, delta: float) -> None:
    mu = accountant.mu_of(Budget(epsilon, delta))
    assert accountant.delta_of(epsilon, mu) <= delta
    assert accountant.epsilon_of(mu, delta) <= epsilon * (1 + 1e-9)
    assert accountant.epsilon_of(mu, delta) == pytest.approx(epsilon, rel=1e-6)
    assert accountant.epsilon_of(1.01 * mu, delta) > epsilon


@given(st.floats(0.05, 7), st.floats(1e-9, 1e-3))
def test_the_second_accountant_never_claims_less(mu: float, delta: float) -> None:
    first, second = accountant.epsilon_of(mu, delta), accountant.zcdp_epsilon(mu, delta)
    assert first <= second <= 1.25 * first + 0.3


@given(st.lists(st.floats(0.01, 5), min_size=1, max_size=6), st.floats(0.01, 5))
def test_another_release_never_costs_nothing(mus: list[float], another: float) -> None:
    assert accountant.composed([*mus, another]) > accountant.composed(mus)


def test_the_expected_cosine_is_what_is_seen() -> None:
    rng = np.random.Generator(np.random.Philox(key=3))
    noise = rng.standard_normal((4000, 128)) * 0.05
    noise[:, 0] += 0.92
    seen = float((noise[:, 0] / np.linalg.norm(noise, axis=1)).mean())
    assert accountant.expected_cosine(0.05, 128, 0.92) == pytest.approx(seen, rel=0.005)


def test_nothing_read_costs_nothing() -> None:
    assert accountant.delta_of(0.0, 0.0) == accountant.epsilon_of(0.0, 1e-5) == accountant.composed([]) == 0.0
    assert accountant.error_floor(0.0) == pytest.approx(0.5)

"""What Gaussian noise costs: sigma, mu, epsilon and delta, each from the others, and of several releases together.

Pure arithmetic on floats; knows no vectors, no files and no scipy (`math.erfc`, and a continued fraction beyond it).
A result is rounded to the side that claims less. One number, mu = sensitivity / sigma, says everything about a Gaussian
mechanism; epsilon is a way to read it at one delta.

* Balle & Wang 2018, Theorem 8: delta(epsilon) = Phi(mu/2 - epsilon/mu) - e^epsilon Phi(-mu/2 - epsilon/mu), exact
* Dong, Roth & Su 2022: mu-GDP; Corollary 3.3 composition is sqrt(sum mu^2); a group of k is k mu
* Canonne, Kamath & Steinke 2020: zCDP of discrete Gaussian noise and its conversion (Proposition 12), to compare

    mu = mu_of(Budget(8, 1e-5))          # 1.669...; a vector of norm 1, replaced: sigma = 2 / mu = 1.198
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from privacy.budget import Budget

NAME = "analytic Gaussian, Balle & Wang 2018 Theorem 8; GDP composition, Dong et al. 2022 Corollary 3.3"
SECOND_NAME = "zCDP, Canonne et al. 2020 Proposition 12 (arXiv v4)"
_FAR = 10.0  # standard deviations from which on the continued fraction is exact to the last bit
_TERMS = 80


def delta_of(epsilon: float, mu: float) -> float:
    """The least delta at which Gaussian noise of *mu* is (epsilon, delta)-private. Balle & Wang 2018, Theorem 8."""
    if mu == 0.0:
        return 0.0
    reached = math.exp(log_phi(mu / 2 - epsilon / mu))
    return max(0.0, reached - math.exp(epsilon + log_phi(-mu / 2 - epsilon / mu)))


def epsilon_of(mu: float, delta: float) -> float:
    """The least epsilon at *delta*, rounded up. The inverse of `delta_of`, by bisection: it falls strictly."""
    if delta_of(0.0, mu) <= delta:
        return 0.0
    high = 1.0
    while delta_of(high, mu) > delta:
        high *= 2
    return _bisect(lambda epsilon: delta_of(epsilon, mu) <= delta, 0.0, high)[1]


def mu_of(budget: Budget) -> float:
    """The largest mu within *budget*, rounded down."""
    high = 1.0
    while delta_of(budget.epsilon, high) <= budget.delta:
        high *= 2
    return _bisect(lambda mu: delta_of(budget.epsilon, mu) > budget.delta, 0.0, high)[0]


def composed(mus: Iterable[float]) -> float:
    """The mu of several releases seen together: sqrt(sum mu^2). Dong, Roth & Su 2022, Corollary 3.3."""
    return math.hypot(*mus)


def error_floor(mu: float) -> float:
    """The error rate that the best possible test between two candidates cannot beat: Phi(-mu/2).

    Neyman & Pearson 1933 for two Gaussians mu apart, at equal error rates; Dong, Roth & Su 2022.
    """
    return math.exp(log_phi(-mu / 2))


def zcdp_epsilon(mu: float, delta: float) -> float:
    """An upper bound on epsilon by another road, for the very distribution that is drawn from: the discrete Gaussian.

    It is rho-zCDP with rho = mu^2/2 (Canonne et al. 2020, in its multivariate form), hence for every
    alpha > 1 private at epsilon = alpha rho + log(1/(alpha delta))/(alpha-1) + log(1-1/alpha) (Proposition 12). Any
    alpha gives a bound; the least of a fine grid is taken.
    """
    rho = mu * mu / 2
    alphas = (1 + math.exp(step / 50) for step in range(-500, 1000))
    return max(0.0, min(a * rho - math.log(a * delta) / (a - 1) + math.log1p(-1 / a) for a in alphas))


def expected_cosine(sigma: float, dimension: int, length: float = 1.0) -> float:
    """The cosine between a vector of *length* and itself plus noise of *sigma* in each of *dimension* values.

    length / sqrt(length^2 + dimension sigma^2): the expectation up to a term of order 1/dimension, because the noise is
    all but orthogonal and all but of norm sigma sqrt(dimension) (Vershynin 2018, Theorem 3.1.1, Remark 3.2.5).
    """
    return length / math.hypot(length, math.sqrt(dimension) * sigma)


def log_phi(x: float) -> float:
    """The logarithm of the standard normal distribution function, also where that itself is no float any more."""
    if x > -_FAR:
        return math.log(math.erfc(-x / math.sqrt(2)) / 2)
    fraction = -x  # Laplace's: Phi(-z) = phi(z) / (z + 1/(z + 2/(z + 3/...))), Abramowitz & Stegun 26.2.14
    for term in range(_TERMS, 0, -1):
        fraction = -x + term / fraction
    return -x * x / 2 - math.log(2 * math.pi) / 2 - math.log(fraction)


def _bisect(beyond: Callable[[float], bool], low: float, high: float) -> tuple[float, float]:
    """The two neighbouring floats between which *beyond*, false at *low* and true at *high*, turns true."""
    while low < (middle := (low + high) / 2) < high:
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return low, high

"""Whether the integers are the discrete Gaussian's. Each test that looks at chance fails by chance once in 10^9 runs.

For chi-square with k degrees of freedom, Pr[X >= k + 2 sqrt(k x) + 2 x] <= e^-x (Laurent & Massart 2000, Lemma 1); x is
ln 10^9. A mean is within 6.11 of its standard deviations but once in 10^9.
"""

from __future__ import annotations

import itertools
import math
import os

import pytest

from privacy.discrete_gaussian import discrete_gaussian

X = math.log(1e9)
Z = 6.11


def most_chi_square(k: int) -> float:
    return k + 2 * math.sqrt(k * X) + 2 * X


def chi_square(counts: list[int], expected: list[float]) -> float:
    return sum((count - told) ** 2 / told for count, told in zip(counts, expected, strict=True))


@pytest.mark.parametrize("sigma", [1, 2, 5])
def test_every_integer_comes_as_often_as_it_should(sigma: int) -> None:
    total = 20_000
    drawn = discrete_gaussian(sigma, total)
    weights = {k: math.exp(-k * k / (2 * sigma * sigma)) for k in range(-20 * sigma, 20 * sigma + 1)}
    z = sum(weights.values())
    kept = [k for k in weights if total * weights[k] / z >= 20]
    inside = set(kept)
    counts = [drawn.count(k) for k in kept] + [sum(k not in inside for k in drawn)]
    expected = [total * weights[k] / z for k in kept]
    expected.append(total - sum(expected))
    assert chi_square(counts, expected) < most_chi_square(len(counts) - 1)


@pytest.mark.parametrize("sigma", [41_943, 1_258_291, 7_823_000])
def test_at_the_sizes_of_releases_it_is_a_gaussian(sigma: int) -> None:
    total, bins = 20_000, 40
    drawn = discrete_gaussian(sigma, total)
    quantiles = [math.erfc(-(k + 0.5) / sigma / math.sqrt(2)) / 2 for k in drawn]
    counts = [0] * bins
    for quantile in quantiles:
        counts[min(bins - 1, int(quantile * bins))] += 1
    assert chi_square(counts, [total / bins] * bins) < most_chi_square(bins - 1)


def test_moments() -> None:
    sigma, total = 1_258_291, 20_000
    drawn = [k / sigma for k in discrete_gaussian(sigma, total)]
    assert abs(sum(drawn)) / total < Z / math.sqrt(total)
    square = sum(value * value for value in drawn)  # chi-square of *total* degrees
    assert total - 2 * math.sqrt(total * X) < square < most_chi_square(total)
    cube = sum(value**3 for value in drawn) / total
    assert abs(cube) < Z * math.sqrt(15 / total)
    fourth = sum(value**4 for value in drawn) / total
    assert abs(fourth - 3) < Z * math.sqrt(96 / total)


def test_the_last_bits_are_as_random_as_the_first() -> None:
    """A sampler that rounds floats shows it here: in which integers it can reach."""
    total = 20_000
    drawn = discrete_gaussian(1 << 40, total)
    for modulus in (2, 16, 64):
        counts = [sum(k % modulus == rest for k in drawn) for rest in range(modulus)]
        assert chi_square(counts, [total / modulus] * modulus) < most_chi_square(modulus - 1)


def test_neighbours_are_independent() -> None:
    total = 20_000
    drawn = [k / 41_943 for k in discrete_gaussian(41_943, total)]
    product = sum(a * b for a, b in itertools.pairwise(drawn)) / (total - 1)
    assert abs(product) < Z / math.sqrt(total - 1)


def test_all_of_it_comes_from_the_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes from os.urandom, the same noise; nothing else has a say, and nothing is kept from call to call."""
    real = os.urandom
    recorded: list[bytes] = []

    def record(count: int) -> bytes:
        recorded.append(real(count))
        return recorded[-1]

    monkeypatch.setattr(os, "urandom", record)
    first = discrete_gaussian(41_943, 300)
    played = iter(list(recorded))
    monkeypatch.setattr(os, "urandom", lambda count: next(played))
    assert discrete_gaussian(41_943, 300) == first
    assert next(played, None) is None
    monkeypatch.setattr(os, "urandom", real)
    assert discrete_gaussian(41_943, 300) != first


def test_no_sigma_no_noise() -> None:
    with pytest.raises(ValueError, match="sigma"):
        discrete_gaussian(0, 1)

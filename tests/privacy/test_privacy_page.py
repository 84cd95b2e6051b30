"""The figures on docs/privacy.md are what the code computes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from privacy import accountant
from privacy.budget import Budget
from privacy.sampled_gaussian import SampledGaussian, claim, pld_epsilon, rdp_epsilon

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "privacy.md").read_text()
DELTA = 1e-5


def test_one_vector() -> None:
    row = r"^\| (\d+) \| ([\d.]+) \| [\d.]+ \| ([\d.]+) \| ([\d.]+) \| [\d.]+ \| ([\d.]+) % \| [\d.]+ % \|$"
    rows = re.findall(row, PAGE, re.MULTILINE)
    assert [int(found[0]) for found in rows] == [970, 50, 20, 8, 4, 1]
    for epsilon, sigma, narrow, wide, floor in rows:
        mu = accountant.mu_of(Budget(float(epsilon), DELTA))
        assert sigma == f"{2 / mu:.4f}"
        assert [narrow, wide] == [f"{accountant.expected_cosine(2 / mu, d):.3f}" for d in (128, 256)]
        assert floor == f"{100 * accountant.error_floor(mu):.1f}"


def test_the_mean_of_n() -> None:
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) / \S+ \| ([\d.]+) / \S+ \| ([\d.]+) / \S+ \|$", PAGE, re.MULTILINE)
    assert [int(found[0]) for found in rows] == [20, 60, 200]
    for n, *cosines in rows:
        sigmas = [2 / int(n) / accountant.mu_of(Budget(epsilon, DELTA)) for epsilon in (1, 4, 8)]
        assert cosines == [f"{accountant.expected_cosine(sigma, 256, 0.92):.2f}" for sigma in sigmas]


def test_dp_sgd() -> None:
    """Of PRV, which takes torch, only that it is what was claimed beside PLD: the claim names it."""
    run = SampledGaussian(1.0, 32 / 300, 187)
    assert f"| ε by PLD | {pld_epsilon(run, DELTA):.2f} | 10.32 |" in PAGE
    assert f"| ε by RDP, at most | {rdp_epsilon(run, DELTA):.2f} | 11.4 |" in PAGE
    assert claim(run, DELTA, float(re.findall(r"ε by PRV \| ([\d.]+)", PAGE)[0])).accountant.startswith("PRV")
    for n, batch in ((300, 64), (1000, 128)):
        (told,) = re.findall(rf"^\| N = {n}, batch {batch}, by PLD, now \| (.+) \|$", PAGE, re.MULTILINE)
        for epsilon, noise in zip((1.0, 4.0, 8.0), map(float, told.split(" | ")), strict=True):
            steps = 20 * n // batch
            assert pld_epsilon(SampledGaussian(noise, batch / n, steps), DELTA) <= epsilon
            assert pld_epsilon(SampledGaussian(noise * (1 - 2e-3), batch / n, steps), DELTA) > epsilon


def test_releases_together_and_jitter() -> None:
    mu = accountant.mu_of(Budget(4, DELTA))
    told = re.search(r"two ([\d.]+), five ([\d.]+), ten ([\d.]+)", PAGE)
    assert told
    for count, figure in zip((2, 5, 10), told.groups(), strict=True):
        assert float(figure) == pytest.approx(accountant.epsilon_of(accountant.composed([mu] * count), DELTA), abs=5e-3)
    assert f"ε = {accountant.epsilon_of(200, DELTA):,.0f}".replace(",", " ") in PAGE

"""Attackers on people who are made up: what the informed one knows is worth something, and nobody beats the floor."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from privacy import reidentification as attackers
from privacy.accountant import error_floor
from privacy.budget import Budget
from privacy.errors import AttackError, VectorError
from privacy.mechanisms import calibrate, release
from privacy.reidentification import Attacked, Enrolment

PHI = NormalDist().cdf
D = 32


def generator(key: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=key))


def people(count: int, draw: np.random.Generator, common: float = 1.0) -> np.ndarray:
    """Directions (count, D) that have something in *common*, as those of speaker networks have."""
    rows = draw.standard_normal((count, D)) + common * math.sqrt(D) * np.eye(D)[0]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def opposite(count: int) -> np.ndarray:
    """Two people as far apart as can be, *count* tests of each."""
    return np.repeat(np.stack([np.eye(D)[0], -np.eye(D)[0]]), count, axis=0)


def told(scores: np.ndarray, owners: np.ndarray, mu: float | None = None, **more: np.ndarray) -> Attacked:
    return attackers.attacked(
        scores, owners, generator(9), attacker="a", data="made up", unit="a vector", mu=mu, times=60, **more
    )


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_two_opposite_people_are_told_apart_exactly_as_well_as_the_floor_says(sigma: float) -> None:
    """mu = 2 / sigma: the likelihood ratio is the best test, so its EER is the floor, and the naive one's not less."""
    owners = np.repeat([0, 1], 2000)
    released = opposite(2000) + sigma * generator().standard_normal((4000, D))
    enrolment = attackers.enrol([np.eye(D)[:1], -np.eye(D)[:1]])
    scores = attackers.informed(released, enrolment, sigma, directions=False)
    found = told(scores, owners, drawn_by=np.arange(4000))
    assert found.rates.eer.value == pytest.approx(PHI(-1 / sigma), abs=0.025)
    assert found.top1.value == pytest.approx(PHI(1 / sigma), abs=0.025)
    naive = told(attackers.naive(released, enrolment), owners, drawn_by=np.arange(4000))
    assert naive.rates.eer.value > PHI(-1 / sigma) - 0.025


@pytest.mark.parametrize("epsilon", [1.0, 4.0, 8.0])
def test_nobody_beats_the_floor_of_the_real_mechanism(epsilon: float) -> None:
    """The worst there is: two opposite people, an attacker who knows both exactly, noise as the product draws it."""
    made = calibrate("local", Budget(epsilon), D, 1)
    assert made.mu is not None
    released = np.array([release(row[None], made) for row in opposite(150)])
    enrolment = attackers.enrol([np.eye(D)[:1], -np.eye(D)[:1]])
    for scores in (
        attackers.informed(released, enrolment, made.sigma, directions=True),
        attackers.naive(released, enrolment),
    ):
        found = told(scores, np.repeat([0, 1], 150), made.mu, drawn_by=np.arange(300))
        assert not found.beats_floor
        # 300 tests: four standard errors, and one more that a hull brings
        assert found.floor == error_floor(made.mu)
        assert found.rates.eer.value > found.floor - 5 * math.sqrt(0.25 / 300)


def test_less_noise_than_was_claimed_is_noticed() -> None:
    """What the floor is there for: a quarter of the noise, the claim as before."""
    sigma = 1.2
    released = opposite(300) + sigma / 4 * generator().standard_normal((600, D))
    enrolment = attackers.enrol([np.eye(D)[:1], -np.eye(D)[:1]])
    scores = attackers.informed(released, enrolment, sigma, directions=False)
    assert told(scores, np.repeat([0, 1], 300), 2 / sigma, drawn_by=np.arange(600)).beats_floor


def test_the_informed_attacker_is_the_stronger_where_voices_have_something_in_common() -> None:
    draw = generator(3)
    whose = people(7, draw)
    owners = np.repeat(np.arange(7), 200)
    enrolment = attackers.enrol([row + 0.02 * draw.standard_normal((4, D)) for row in whose])
    released = whose[owners] + 0.3 * draw.standard_normal((1400, D))
    released *= draw.uniform(0.2, 3.0, (1400, 1))  # a direction, so the length tells nothing
    informed = told(attackers.informed(released, enrolment, 0.3, directions=True), owners)
    naive = told(attackers.naive(released, enrolment), owners)
    assert informed.rates.eer.high < naive.rates.eer.value
    assert informed.rates.d_sys.value > naive.rates.d_sys.value
    assert informed.top1.value == pytest.approx(naive.top1.value, abs=0.03)  # the common part is common to all
    assert attackers.strongest([naive, informed]) is informed


def test_density_of_a_direction_is_what_integration_gives() -> None:
    """Against the integral over the length, on a fine grid; up to what all candidates share."""
    draw = generator(4)
    enrolment = Enrolment(np.stack([draw.standard_normal(D) / 4 for _ in range(3)]), np.ones(3), 0.0)
    row = draw.standard_normal((1, D))
    found = attackers.log_likelihoods(row, enrolment, 0.7, directions=True)[0]
    length = np.linspace(1e-3, 30, 300_001)
    unit = row[0] / np.linalg.norm(row[0])
    slow = [
        np.logaddexp.reduce(
            (D - 1) * np.log(length) - (length**2 - 2 * length * float(unit @ mean) + float(mean @ mean)) / (2 * 0.7**2)
        )
        for mean in enrolment.means
    ]
    assert found - found[0] == pytest.approx(np.array(slow) - slow[0], abs=0.025)


def test_spread_of_a_person_is_found() -> None:
    draw = generator(5)
    enrolment = attackers.enrol([row + 0.05 * draw.standard_normal((50, D)) for row in people(4, draw)])
    assert enrolment.spread == pytest.approx(0.05**2, rel=0.05)
    assert list(enrolment.counts) == [50.0] * 4


def test_people_without_noise_are_known_and_noise_alone_is_nobody() -> None:
    draw = generator(6)
    whose, owners = people(6, draw), np.repeat(np.arange(6), 40)
    enrolment = attackers.enrol([row + 0.01 * draw.standard_normal((3, D)) for row in whose])
    clean = told(attackers.informed(whose[owners], enrolment, 0.0, directions=False), owners)
    assert (clean.rates.eer.value, clean.rates.d_sys.value, clean.top1.value) == (0.0, 1.0, 1.0)
    noise = told(attackers.informed(draw.standard_normal((240, D)), enrolment, 1.0, directions=False), owners)
    assert noise.rates.auc.low < 0.5 < noise.rates.auc.high
    assert noise.top1.value == pytest.approx(noise.chance, abs=0.1)


def test_scores_that_are_all_alike_are_right_by_chance() -> None:
    found = told(np.zeros((10, 5)), np.arange(10) % 5)
    assert found.top1.value == pytest.approx(found.chance) == 0.2
    assert found.rates.eer.value == 0.5


def test_one_person_s_recordings_are_drawn_where_there_is_one_person() -> None:
    draw = generator(7)
    enrolment = attackers.enrol([row[None] for row in people(5, draw)])
    scores = attackers.naive(people(1, draw) + 0.1 * draw.standard_normal((8, D)), enrolment)
    found = told(scores, np.zeros(8, dtype=int), drawn_by=np.arange(8))
    assert found.rates.clusters == 8 + 4
    with pytest.raises(AttackError, match="single cluster"):
        told(scores, np.zeros(8, dtype=int))


def test_a_report_is_plain() -> None:
    written = told(np.tile(np.eye(3), (20, 1)), np.arange(60) % 3, 1.0).as_dict()
    assert written["beats_floor"] is True
    assert written["floor"] == pytest.approx(PHI(-0.5))
    assert isinstance(written["rates"], dict)


def test_vectors_without_a_negative_value_are_closer() -> None:
    draw = generator(8)
    rows = np.abs(draw.standard_normal((50, 4)))
    rows = np.concatenate([rows / np.linalg.norm(rows, axis=1, keepdims=True), np.eye(4)])
    farthest = max(float(np.linalg.norm(a - b)) for a in rows for b in rows)
    assert farthest == pytest.approx(attackers.sensitivity_of_non_negative(rows))
    with pytest.raises(VectorError, match="negative"):
        attackers.sensitivity_of_non_negative([[0.5, -1e-9]])


def test_nobody_to_confuse_with_is_refused() -> None:
    with pytest.raises(AttackError, match="nobody to confuse"):
        attackers.enrol([np.ones((2, 3))])


def test_nothing_that_varies_is_refused() -> None:
    with pytest.raises(AttackError, match="what varies"):
        attackers.informed(np.eye(3), attackers.enrol([np.eye(3)[:1], np.eye(3)[1:2]]), 0.0, directions=False)


def test_no_attacker_is_refused() -> None:
    with pytest.raises(AttackError, match="no attacker"):
        attackers.strongest([])


@pytest.mark.parametrize("owners", [[0, 1, 5], [0, 1], [-1, 0, 1], []])
def test_owners_that_are_no_candidates_are_refused(owners: list[int]) -> None:
    with pytest.raises(AttackError, match="not among them"):
        told(np.zeros((3, 5)), np.array(owners, dtype=int))


@pytest.mark.parametrize(
    "rows", [np.full((2, 3), math.nan), np.ones((2, 4)), np.ones(3), np.ones((0, 3)), np.zeros((1, 3))]
)
def test_vectors_that_are_none_are_refused(rows: np.ndarray) -> None:
    with pytest.raises(VectorError):
        attackers.naive(rows, attackers.enrol([np.eye(3)[:2], np.eye(3)[2:]]))

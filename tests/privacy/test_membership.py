"""Membership from losses that are made up, where the best attacker's figures are known."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from privacy import membership as attack
from privacy.errors import AttackError
from privacy.metrics import most_true_positives

PHI = NormalDist().cdf


def generator(key: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=key))


def losses(count: int, learnt: float, hardness: float, key: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(losses, reference losses), each (2, count): members first, whose loss is *learnt* less; both are as *hard*."""
    draw = generator(key)
    hard = 5 + hardness * draw.standard_normal((2, count))
    found = hard + draw.standard_normal((2, count))
    found[0] -= learnt
    return found, hard


def told(scores: np.ndarray, attacker: str, times: int = 50) -> attack.MembershipTold:
    return attack.membership(scores[0], scores[1], generator(2), attacker=attacker, data="made up", times=times)


def test_raw_losses_of_two_gaussians() -> None:
    found, _ = losses(4000, 1.5, 0.0)
    rates = told(np.stack([attack.raw_scores(row) for row in found]), attack.RAW).rates
    assert rates.auc.value == pytest.approx(PHI(1.5 / math.sqrt(2)), abs=0.015)
    assert rates.tpr.value == pytest.approx(most_true_positives(1.5), abs=0.08)  # 40 scores decide it
    assert rates.auc.low < rates.auc.value < rates.auc.high


def test_calibration_takes_the_hardness_off() -> None:
    """Hardness of 3 hides a gain of 1.5 from the raw attacker, AUC Phi(1.5 / sqrt 20); the other does not see it."""
    found, reference = losses(3000, 1.5, 3.0)
    raw = told(np.stack([attack.raw_scores(row) for row in found]), attack.RAW)
    calibrated = told(
        np.stack([attack.calibrated_scores(a, b) for a, b in zip(found, reference, strict=True)]), attack.CALIBRATED
    )
    assert raw.rates.auc.value == pytest.approx(PHI(1.5 / math.sqrt(20)), abs=0.03)
    assert calibrated.rates.auc.value == pytest.approx(PHI(1.5 / math.sqrt(2)), abs=0.02)
    assert attack.strongest([raw, calibrated]) is calibrated


def test_several_reference_models_are_averaged() -> None:
    assert list(attack.calibrated_scores([1.0, 2.0], [[2.0, 2.0], [4.0, 2.0]])) == [2.0, 0.0]


def test_nothing_learnt_is_chance_and_much_learnt_is_not() -> None:
    found, _ = losses(300, 0.0, 1.0)
    nothing = told(np.stack([attack.raw_scores(row) for row in found]), attack.RAW, 200)
    assert nothing.auc_is_chance
    assert nothing.as_dict()["auc_is_chance"] is True
    found, _ = losses(300, 3.0, 1.0)
    assert not told(np.stack([attack.raw_scores(row) for row in found]), attack.RAW, 200).auc_is_chance


@pytest.mark.parametrize("wrong", [[], [math.nan, 1.0], [math.inf, 1.0]])
def test_losses_that_are_none_are_refused(wrong: list[float]) -> None:
    with pytest.raises(AttackError):
        attack.raw_scores(wrong)


def test_reference_losses_of_others_are_refused() -> None:
    with pytest.raises(AttackError, match="reference losses of shape"):
        attack.calibrated_scores([1.0, 2.0], [1.0, 2.0, 3.0])


def test_no_attacker_is_refused() -> None:
    with pytest.raises(AttackError, match="no attacker"):
        attack.strongest([])

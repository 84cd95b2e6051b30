"""Intervals hold what they should as often as they say; people are drawn, not comparisons; and one is too few."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from privacy.errors import AttackError
from privacy.resampling import Comparisons, rates, share


def generator(key: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=key))


def of_people(people: int, each: int, apart: float, between: float, draw: np.random.Generator) -> Comparisons:
    """Scores of *people*, each of whom is easier or harder to recognise by *between* in all comparisons."""
    shift = between * draw.standard_normal(people)
    owner = np.repeat(np.arange(people), each)
    pairs = np.array([(a, b) for a in range(people) for b in range(people) if a != b])
    mated = apart + shift[owner] + draw.standard_normal(len(owner))
    return Comparisons(mated, draw.standard_normal(len(pairs)), owner[:, None], pairs)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """25 times, 15 people: 95 % should be in, and some less for so few; at 85 %, 14 or fewer is once in 2,000."""
    truth = NormalDist().cdf(1.0 / math.sqrt(2))
    draw = generator(5)
    held = 0
    for _ in range(25):
        auc = rates(of_people(15, 4, 1.0, 0.0, draw), draw, times=60).auc
        held += auc.low <= truth <= auc.high
    assert held > 14


def test_one_person_s_comparisons_count_together() -> None:
    """Ten people of forty comparisons each are hardly more than ten comparisons, if people differ and not moments."""
    draw = generator(2)
    found = of_people(10, 40, 1.0, 2.0, draw)
    by_person = rates(found, draw, times=300).auc
    alone = np.arange(400)[:, None]
    apart = Comparisons(found.mated, found.non_mated, alone, 400 + np.arange(90)[:, None])
    by_comparison = rates(apart, draw, times=300).auc
    assert by_person.value == by_comparison.value
    assert by_person.high - by_person.low > 2 * (by_comparison.high - by_comparison.low)


def test_the_same_generator_gives_the_same_interval() -> None:
    found = of_people(5, 3, 1.0, 0.5, generator(1))
    assert rates(found, generator(7), times=50) == rates(found, generator(7), times=50)
    assert rates(found, generator(7), times=50) != rates(found, generator(8), times=50)


def test_a_report_is_plain() -> None:
    found = rates(of_people(5, 3, 1.0, 0.5, generator(1)), generator(7), times=50)
    told = found.as_dict()
    assert told["clusters"] == 5
    assert told["mated"] == 15
    assert str(found.eer).startswith(f"{100 * found.eer.value:.1f} % [")


def test_a_share() -> None:
    found = share([True, True, False, True], np.array([0, 0, 1, 1]), generator(), times=200)
    assert (found.value, found.low, found.high) == (0.75, 0.5, 1.0)


def test_a_single_person_has_no_interval() -> None:
    zeros = np.zeros((2, 1), dtype=np.int64)
    with pytest.raises(AttackError, match="single cluster"):
        rates(Comparisons(np.ones(2), np.zeros(2), zeros, zeros), generator())
    with pytest.raises(AttackError, match="single cluster"):
        share([1.0], np.array([3]), generator())


@pytest.mark.parametrize("of", [np.zeros((3, 1)), np.zeros(2), np.zeros((2, 0)), -np.ones((2, 1))])
def test_clusters_that_do_not_fit_are_refused(of: np.ndarray) -> None:
    with pytest.raises(AttackError, match="clusters of shape"):
        Comparisons(np.ones(2), np.ones(2), of.astype(np.int64), np.ones((2, 2), dtype=np.int64))


@pytest.mark.parametrize("hits", [[], [1.0, 0.0]])
def test_hits_that_do_not_fit_are_refused(hits: list[float]) -> None:
    with pytest.raises(AttackError, match="hits of shape"):
        share(hits, np.array([0, 1, 2])[: 3 if hits else 0], generator())

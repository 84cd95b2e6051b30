"""From an attacker's scores to a finding: figures with intervals, whether it beat a guess, and what that means.

Knows scores; not how they came about. Where all tests are of one person, the bootstrap draws tests and other people: it
tells how sure the figures are for *this* voice, and nothing of the next one. So whether the person was found is not
read off an interval but off their place among the candidates: somebody who has nothing to do with the voice would take
any place alike, so the chance of coming as far up is place / candidates (a permutation test; fewer than 20 candidates
cannot show anything at 5 %).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lifecycle.attack_findings import RARE, Figure, Finding, percent, rounded
from privacy import metrics, resampling
from privacy.membership import MembershipTold
from privacy.reidentification import Attacked
from privacy.resampling import Comparisons, Rates

Scores = npt.NDArray[np.float64]
_MOST_POINTS = 200  # of a curve on a page


def place_of_the_person(scores: Scores) -> int:
    """1 for the first of all candidates by the mean of *scores* (tests, candidates), the person being column 0.

    Who scores the same comes before the person: ties must not look like a find.
    """
    means = scores.mean(axis=0)
    return 1 + int((means[1:] >= means[0]).sum())


def of_one_person(attack: str, told: Attacked, knows: str, scores: Scores, data: Mapping[str, float]) -> Finding:
    """What came of tests (tests, candidates) that are all of one voice; the person is candidate 0."""
    place, candidates = place_of_the_person(scores), scores.shape[1]
    curve = metrics.curve(scores[:, 0], scores[:, 1:])
    return _of_one(attack, told.attacker, knows, told.rates, told.top1, place, candidates, curve, data)


def of_one_vector(
    attack: str,
    attacker: str,
    knows: str,
    compared: Comparisons,
    place: int,
    candidates: int,
    data: Mapping[str, float],
    generator: np.random.Generator,
) -> Finding:
    """What came of one released vector, held against every recording of everybody."""
    found = resampling.rates(compared, generator)
    return _of_one(attack, attacker, knows, found, None, place, candidates, compared.curve, data)


def of_many_people(
    attack: str, told: Attacked, knows: str, scores: Scores, owners: npt.NDArray[np.int64], data: Mapping[str, float]
) -> Finding:
    """What came of tests of everybody alike: here the bootstrap draws people, and its interval decides."""
    figures = (*_rates(told.rates), _figure("top_1", told.top1, told.chance))
    leak = told.rates.auc.low > 0.5
    shown = percent(figures[0])
    floor = (
        "" if told.floor is None else f" By the claim nobody errs in less than {100 * told.floor:.1f} %, on average."
    )
    meaning = (
        f"Whoever sees one more release of this kind, and has these recordings, errs in {shown} of cases."
        if leak
        else f"Between these people this attacker does no better than a guess: it errs in {shown} of cases."
    )
    if told.beats_floor:
        floor += " IT DID ERR LESS: the noise or its account is wrong. Do not give this voice away."
    rows, columns = np.nonzero(np.arange(scores.shape[1]) != owners[:, None])
    det = _det(metrics.curve(scores[np.arange(len(owners)), owners], scores[rows, columns]))
    return Finding(attack, told.attacker, knows, data, rounded(figures), leak, meaning + floor, det=det)


def of_members(
    attack: str, told: MembershipTold, knows: str, members: Scores, others: Scores, data: Mapping[str, float]
) -> Finding:
    """What came of telling members from others."""
    figures = (_figure("auc", told.rates.auc, 0.5), *_rates(told.rates))
    leak = told.rates.auc.low > 0.5
    pairs = f"Of two recordings, one used and one not, it names the right one in {percent(figures[0])} of cases"
    if leak:
        meaning = f"{pairs}: this voice tells which recordings it was made of."
    elif told.auc_is_chance:
        meaning = f"{pairs}: on so many recordings no better than a guess."
    else:
        meaning = f"{pairs}: worse than a guess. Its scores are upside down here; an attacker cannot know that."
    det = _det(metrics.curve(members, others))
    return Finding(attack, told.attacker, knows, data, rounded(figures), leak, meaning, det=det)


def of_a_control(finding: Finding) -> Finding:
    """The same scores where nothing can be told by them: if they can, the two heaps differ by more than their use."""
    auc = finding.figures[0]
    even = auc.low is not None and auc.high is not None and auc.low <= 0.5 <= auc.high
    shown = percent(auc)
    if even:
        meaning = (
            f"Without the voice the two heaps are told apart in {shown} of cases: they are alike, as they must be."
        )
    else:
        meaning = (
            f"THE TWO HEAPS DIFFER: they are told apart in {shown} of cases without the voice. What the raw attacker "
            "reaches may be due to that; choose at random which recordings are held out, before training."
        )
    return replace(finding, leak=None, control=True, meaning=meaning)


def _of_one(
    attack: str,
    attacker: str,
    knows: str,
    rates: Rates,
    top1: resampling.Figure | None,
    place: int,
    candidates: int,
    curve: metrics.Curve,
    data: Mapping[str, float],
) -> Finding:
    by_chance = place / candidates
    figures = [*_rates(rates), Figure("rank_chance", by_chance, guess=0.5)]
    if top1 is not None:
        figures.append(_figure("top_1", top1, 1 / candidates))
    told = (
        f"The person takes place {place} of {candidates} candidates; somebody who has nothing to do with the voice "
        f"comes as far up in {100 * by_chance:.0f} % of cases."
    )
    leak: bool | None = by_chance <= RARE
    if leak:
        told += " To this attacker the voice gives away whose it is."
    elif 1 / candidates > RARE:
        leak = None
        told += f" With fewer than {round(1 / RARE)} candidates no place can show more than chance: it cannot be told."
    else:
        told += " This attacker did not find the person."
    return Finding(
        attack, attacker, knows, {**data, "candidates": candidates, "place": place}, rounded(figures), leak, told,
        det=_det(curve),
    )  # fmt: skip


def _rates(rates: Rates) -> tuple[Figure, Figure, Figure]:
    return (
        _figure("eer", rates.eer, 0.5),
        _figure("d_sys", rates.d_sys, 0.0),
        _figure("tpr_at_1_percent_fpr", rates.tpr, metrics.LOW_FPR),
    )


def _figure(name: str, told: resampling.Figure, guess: float) -> Figure:
    return Figure(name, told.value, told.low, told.high, guess)


def _det(curve: metrics.Curve) -> tuple[tuple[float, float], ...]:
    """(false alarms, misses) at the corners, thinned to what a page can show."""
    fpr, tpr = curve.corners
    turns = np.ones(len(fpr), dtype=bool)
    turns[1:-1] = np.diff(fpr)[:-1] * np.diff(tpr)[1:] != np.diff(fpr)[1:] * np.diff(tpr)[:-1]
    kept = np.flatnonzero(turns)
    if len(kept) > _MOST_POINTS:
        kept = kept[np.unique(np.linspace(0, len(kept) - 1, _MOST_POINTS).round().astype(int))]
    return tuple((round(float(fpr[i]), 5), round(float(1 - tpr[i]), 5)) for i in kept)

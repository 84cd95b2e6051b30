"""How well scores tell two kinds of comparisons apart: EER, D_sys, TPR at 1 % FPR, AUC, the DET curve.

Knows two lists of scores and nothing of what was compared. *Mated* comparisons are of one person with themselves (or of
a recording with the voice that learnt from it), *non-mated* ones are not; a higher score speaks for mated. Scores that
are equal share a threshold. All figures but the DET's axes are the same for any rising function of the scores.

* EER: where the convex hull of the ROC meets the line of equal errors (ROCCH-EER; Brümmer & de Villiers, *The BOSARIS
  Toolkit*, arXiv 1304.2865). It is the largest, over priors, of the least cost, never over 50 %, and on few scores it
  errs towards the attacker: a hull fits what chance brought.
* D_sys: the global unlinkability of Gomez-Barrero et al. 2018, *General Framework to Evaluate Unlinkability in
  Biometric Template Protection Systems*: the mean, over mated scores s, of D(s) = p(mated | s) - p(non-mated | s), or 0
  where that is negative; with the likelihood ratio LR(s), D = 2 w LR / (1 + w LR) - 1, w = p(mated) / p(non-mated), 1
  unless said.
  0 is unlinkable, 1 linkable throughout. **LR is the slope of the ROC's hull** at s, which is the isotonic (PAV)
  estimate: no bins to choose, where others take histograms. It presumes that a higher score never speaks for non-mated;
  an attacker whose scores are upside down has D_sys = 0 and an AUC under .5.
* TPR at 1 % FPR: what Carlini et al. 2022, *Membership Inference Attacks From First Principles*, ask for; without
  interpolation: a threshold that at most 1 % of the non-mated reach. Of fewer than 100 of them, none may reach it.
* AUC: the chance that a mated score is above a non-mated one, ties counted half (Mann & Whitney 1947).
* DET: misses over false alarms on probit axes (Martin et al. 1997), where two Gaussians make a straight line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from privacy.errors import AttackError

Floats = npt.NDArray[np.float64]
LOW_FPR = 0.01
_NORMAL = NormalDist()


@dataclass(frozen=True, eq=False)
class Curve:
    """How many of each kind lie at each threshold, the highest score first: all that the figures are made of."""

    mated: Floats = field(repr=False)  # (thresholds,) counted; whole numbers, so that sums of them are exact
    non_mated: Floats = field(repr=False)  # (thresholds,) the same

    @cached_property
    def corners(self) -> tuple[Floats, Floats]:
        """The ROC: (false positives, true positives), each (thresholds + 1,), from (0, 0) to (1, 1)."""
        return _shares(self.non_mated), _shares(self.mated)

    @cached_property
    def hull(self) -> tuple[Floats, Floats]:
        """The upper convex hull of the ROC: (false positives, true positives), its corners alone, by rising rates."""
        fpr, tpr = self.corners
        moves = np.concatenate(([True], (np.diff(fpr) > 0) | (np.diff(tpr) > 0)))
        fpr, tpr = fpr[moves], tpr[moves]  # a corner that stands twice would lie between itself and a neighbour
        while True:
            # A corner on or under the line between its neighbours is none of the hull's, whichever others go as well.
            width, height = np.diff(fpr), np.diff(tpr)
            keep = np.concatenate(([True], height[:-1] * width[1:] > height[1:] * width[:-1], [True]))
            if keep.all():
                return fpr, tpr
            fpr, tpr = fpr[keep], tpr[keep]


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """Which threshold each score lies at: found once, counted with as many weights as one likes."""

    thresholds: int
    mated: npt.NDArray[np.int64] = field(repr=False)  # (n,)
    non_mated: npt.NDArray[np.int64] = field(repr=False)  # (m,)

    def curve(self, mated: Floats, non_mated: Floats) -> Curve:
        """The curve in which each score counts as often as (n,) and (m,) say. AttackError where one kind does not."""
        if not (mated.any() and non_mated.any()):
            raise AttackError("comparisons that count nothing have no error rate")
        counted = (
            np.bincount(where, weights=weights, minlength=self.thresholds).astype(np.float64)
            for where, weights in ((self.mated, mated), (self.non_mated, non_mated))
        )
        return Curve(*counted)


def in_order(mated: npt.ArrayLike, non_mated: npt.ArrayLike) -> Sorted:
    """*mated* (n,) and *non_mated* (m,) scores by threshold. AttackError for none and for NaN; infinite ones may be."""
    scores = [np.asarray(kind, dtype=np.float64).ravel() for kind in (mated, non_mated)]
    for name, kind in zip(("mated", "non-mated"), scores, strict=True):
        if not kind.size:
            raise AttackError(f"there is no {name} comparison, so no error rate")
        if np.isnan(kind).any():
            raise AttackError(f"a {name} score is no number (NaN)")
    distinct, place = np.unique(np.concatenate(scores), return_inverse=True)
    place = len(distinct) - 1 - place
    return Sorted(len(distinct), place[: scores[0].size], place[scores[0].size :])


def curve(mated: npt.ArrayLike, non_mated: npt.ArrayLike) -> Curve:
    """The curve of *mated* (n,) and *non_mated* (m,) scores, each counted once. AttackError."""
    found = in_order(mated, non_mated)
    return found.curve(np.ones(len(found.mated)), np.ones(len(found.non_mated)))


def equal_error_rate(found: Curve) -> float:
    """ROCCH-EER, 0 to .5."""
    fpr, tpr = found.hull
    over = fpr + tpr - 1  # from -1 to 1; misses equal false positives at 0
    after = int(np.argmax(over >= 0))
    share = -over[after - 1] / (over[after] - over[after - 1])
    return float(fpr[after - 1] + share * (fpr[after] - fpr[after - 1]))


def unlinkability(found: Curve, omega: float = 1.0) -> float:
    """D_sys, 0 (unlinkable) to 1, with *omega* = p(mated) / p(non-mated). AttackError unless it is positive."""
    if not (math.isfinite(omega) and omega > 0):
        raise AttackError(f"omega is {omega}; the ratio of the two priors is a positive number")
    fpr, tpr = found.hull
    mated, non_mated = omega * np.diff(tpr), np.diff(fpr)
    return float((np.diff(tpr) * np.maximum(0.0, (mated - non_mated) / (mated + non_mated))).sum())


def true_positive_rate(found: Curve, at: float = LOW_FPR) -> float:
    """The largest share of the mated above a threshold that at most *at* of the non-mated reach."""
    fpr, tpr = found.corners
    return float(tpr[fpr <= at * (1 + 1e-9)].max())


def area_under_curve(found: Curve) -> float:
    """AUC, ties counted half: .5 is a guess, under it the scores are upside down."""
    fpr, tpr = found.corners
    return float((np.diff(fpr) * (tpr[1:] + tpr[:-1])).sum() / 2)


def det_curve(found: Curve) -> tuple[Floats, Floats]:
    """Probits of (false alarms, misses) at each corner of the ROC where both are strictly between 0 and 1.

    Rates of 0 and 1 lie at infinity: two lists that nothing mixes up have no such corner, and the curve is empty.
    """
    fpr, tpr = found.corners
    turns = np.ones(len(fpr), dtype=bool)
    turns[1:-1] = np.diff(fpr)[:-1] * np.diff(tpr)[1:] != np.diff(fpr)[1:] * np.diff(tpr)[:-1]
    inside = turns & (fpr > 1e-12) & (fpr < 1 - 1e-12) & (tpr > 1e-12) & (tpr < 1 - 1e-12)
    probits = [np.array([_NORMAL.inv_cdf(rate) for rate in rates]) for rates in (fpr[inside], 1 - tpr[inside])]
    return probits[0], probits[1]


def most_true_positives(mu: float, at: float = LOW_FPR) -> float:
    """What no attacker on Gaussian noise of *mu* exceeds on average: Phi(Phi^-1(at) + mu) (Dong et al. 2022, G_mu)."""
    return _NORMAL.cdf(_NORMAL.inv_cdf(at) + mu)


def largest_area(mu: float) -> float:
    """The AUC that no attacker on Gaussian noise of *mu* exceeds on average: the area under G_mu, Phi(mu / sqrt 2)."""
    return _NORMAL.cdf(mu / math.sqrt(2))


def _shares(counted: Floats) -> Floats:
    summed: Floats = np.concatenate(([0.0], np.cumsum(counted)))
    shares: Floats = summed / summed[-1]
    return shares

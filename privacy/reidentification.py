"""Whose is it? Attackers that link what was released to one of some enrolled people.

Knows vectors and who each is of, as numbers; nothing of sound. What is *tested* is a released vector, or the vectors
that a speaker network makes of synthesized speech; *enrolled* are some vectors of each candidate, as the attacker has.

* naive: the cosine to the mean of a candidate's vectors. Knows nothing of how the release came about.
* informed: knows the mechanism and sigma, and scores the log likelihood ratio of a candidate against the mean of the
  others: log p(y | s) - log mean p(y | others). p(y | s) is a Gaussian round the mean of k vectors of s, of variance
  sigma^2 + v (1 + 1/k) in each value, v being the spread of one person's vectors, found from all enrolled ones. Where
  only the direction of y was released, it is the density of that direction: the Gaussian integrated over the length.
  For speech sigma is 0, and the informed attacker enrols with speech of the same system (semi-informed in the words of
  VoicePrivacy 2024; theirs trains a network on such speech too, this one does not, and so is the weaker).

**Floor.** Between any two neighbours a release of mu = Delta / sigma holds every test to misses and false alarms that
the curve G_mu allows (Dong, Roth & Su 2022). G_mu is convex, so averages over people keep it: no attacker's EER is
under the floor Phi(-mu/2), no AUC over Phi(mu / sqrt 2), but for chance. One that is has found a bug. That is judged by
the AUC (`Attacked.beats_floor`), which has no bias; the EER of a hull has one, towards the attacker.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt

from privacy.accountant import error_floor
from privacy.errors import AttackError, VectorError
from privacy.metrics import largest_area
from privacy.resampling import TIMES, Comparisons, Figure, Rates, rates, share

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
NAIVE = "naive: cosine to the mean of what was enrolled"
INFORMED = "informed: likelihood ratio, knows the mechanism and its noise"


@dataclass(frozen=True, slots=True, eq=False)
class Enrolment:
    """What an attacker knows of each candidate, who are numbered from 0."""

    means: Floats = field(repr=False)  # (candidates, d)
    counts: Floats = field(repr=False)  # (candidates,) vectors behind each mean
    spread: float  # v: variance of one person's vectors round their mean, in each value; 0 if all have one vector


@dataclass(frozen=True, slots=True)
class Attacked:
    """What one attacker reached."""

    attacker: str
    data: str  # whose speech, from where, how much
    unit: str  # what one test is: "one released vector", "three seconds of synthesized speech"
    candidates: int
    tested: int
    top1: Figure  # closed set: how often the best score is the owner's
    chance: float  # of that, by guessing
    rates: Rates
    mu: float | None  # Delta / sigma of the mechanism; None: no claim

    @property
    def floor(self) -> float | None:
        """The EER that nobody can be under on average; None: no claim."""
        return None if self.mu is None else error_floor(self.mu)

    @property
    def beats_floor(self) -> bool:
        """Whether noise or claim are wrong: the AUC is over what mu allows by twice its interval (chance: 10^-4)."""
        auc = self.rates.auc
        return self.mu is not None and auc.value - 2 * (auc.value - auc.low) > largest_area(self.mu)

    def as_dict(self) -> dict[str, object]:
        """As it stands in a report: plain values alone."""
        return {**asdict(self), "floor": self.floor, "beats_floor": self.beats_floor}


def enrol(vectors: Sequence[npt.ArrayLike]) -> Enrolment:
    """Of each candidate's vectors (k, d), k of 1 or more. AttackError for fewer than two candidates; VectorError."""
    rows = [np.asarray(each, dtype=np.float64) for each in vectors]
    if len(rows) < 2:
        raise AttackError("there is nobody to confuse the person with: two candidates are needed at least")
    for each in rows:
        _require_rows(each, rows[0].shape[-1])
    means = np.stack([each.mean(axis=0) for each in rows])
    counts = np.array([len(each) for each in rows], dtype=np.float64)
    squares = sum(float(((each - mean) ** 2).sum()) for each, mean in zip(rows, means, strict=True))
    freedom = float((counts - 1).sum()) * means.shape[1]
    return Enrolment(means, counts, squares / freedom if freedom else 0.0)


def naive(tested: npt.ArrayLike, enrolment: Enrolment) -> Floats:
    """Cosines (tests, candidates). VectorError."""
    cosines: Floats = _unit(_rows(tested, enrolment)) @ _unit(enrolment.means).T
    return cosines


def log_likelihoods(tested: npt.ArrayLike, enrolment: Enrolment, sigma: float, *, directions: bool) -> Floats:
    """log p(tested | candidate), (tests, candidates), up to what is the same for all candidates of a test.

    *directions*: only the direction of what the mechanism made was released. AttackError where nothing varies.
    """
    rows = _rows(tested, enrolment)
    variance = sigma * sigma + enrolment.spread * (1 + 1 / enrolment.counts)
    if not (variance > 0).all():
        raise AttackError("neither noise nor two vectors of anybody: the informed attacker cannot tell what varies")
    deviation = np.sqrt(variance)
    dimension = rows.shape[1]
    if not directions:
        squares = (rows**2).sum(axis=1, keepdims=True) - 2 * rows @ enrolment.means.T + (enrolment.means**2).sum(axis=1)
        gaussian: Floats = -squares / (2 * variance) - dimension * np.log(deviation)
        return gaussian
    # With y = r u, r = t rho: the density of u is exp(-|m|^2 / 2 t^2) times the integral over rho of
    # rho^(d-1) exp(-rho^2 / 2 + rho a), a = u.m / t, here by Laplace's method round its one maximum.
    along = _unit(rows) @ enrolment.means.T / deviation
    length = (along + np.sqrt(along**2 + 4 * (dimension - 1))) / 2
    integral = (dimension - 1) * np.log(length) - length**2 / 2 + length * along
    curvature = 1 + (dimension - 1) / length**2
    likelihoods: Floats = integral - np.log(curvature) / 2 - (enrolment.means**2).sum(axis=1) / (2 * variance)
    return likelihoods


def informed(tested: npt.ArrayLike, enrolment: Enrolment, sigma: float, *, directions: bool) -> Floats:
    """Log likelihood ratios (tests, candidates): each against the mean of the others."""
    return ratios(log_likelihoods(tested, enrolment, sigma, directions=directions))


def ratios(found: Floats) -> Floats:
    """Log likelihoods (tests, candidates), those of several releases added up, each against the mean of the others."""
    against = np.empty_like(found)
    for candidate in range(found.shape[1]):
        others = np.delete(found, candidate, axis=1)
        against[:, candidate] = np.logaddexp.reduce(others, axis=1) - math.log(others.shape[1])
    return found - against


def attacked(
    scores: Floats,
    owners: npt.ArrayLike,
    generator: np.random.Generator,
    *,
    attacker: str,
    data: str,
    unit: str,
    mu: float | None = None,
    drawn_by: npt.ArrayLike | None = None,
    times: int = TIMES,
) -> Attacked:
    """What *scores* (tests, candidates) come to, *owners* (tests,) being the candidate whose each test is.

    Intervals are drawn by person. Where all tests are of one person that tells nothing; *drawn_by* (tests,) then
    numbers the recordings (or whatever else is independent), and tests and candidates are drawn apart.
    """
    owner = np.asarray(owners, dtype=np.int64)
    tests, candidates = scores.shape
    if owner.shape != (tests,) or not tests or owner.min() < 0 or owner.max() >= candidates:
        raise AttackError(f"{tests} tests against {candidates} candidates, and owners that are not among them")
    rows, columns = np.nonzero(np.arange(candidates) != owner[:, None])
    unit_of = owner if drawn_by is None else np.asarray(drawn_by, dtype=np.int64) + candidates
    compared = Comparisons(
        scores[np.arange(tests), owner], scores[rows, columns], unit_of[:, None], np.stack([unit_of[rows], columns], 1)
    )
    # Ties are shared: who scores all candidates alike is right once in as many as there are.
    best = scores == scores.max(axis=1, keepdims=True)
    hits = best[np.arange(tests), owner] / best.sum(axis=1)
    top1 = share(hits, unit_of, generator, times)
    found = rates(compared, generator, times)
    return Attacked(attacker, data, unit, candidates, tests, top1, 1 / candidates, found, mu)


def strongest(attacks: Sequence[Attacked]) -> Attacked:
    """The one with the lowest EER, of equal ones that with the highest D_sys: the one to be reported first."""
    if not attacks:
        raise AttackError("no attacker was run")
    return min(attacks, key=lambda each: (each.rates.eer.value, -each.rates.d_sys.value, -each.rates.auc.value))


def sensitivity_of_non_negative(vectors: npt.ArrayLike) -> float:
    """sqrt 2, the farthest apart that two directions without a negative value are. VectorError if one has one.

    |a - b|^2 = 2 - 2 a.b, and a.b >= 0. For networks that end in a ReLU (Resemblyzer); for others Delta is 2.
    """
    rows = np.atleast_2d(np.asarray(vectors, dtype=np.float64))
    _require_rows(rows, rows.shape[-1])
    if float(rows.min()) < 0:
        raise VectorError("a vector holds a negative value, so two of them may be 2 apart, not sqrt 2")
    return math.sqrt(2)


def _rows(tested: npt.ArrayLike, enrolment: Enrolment) -> Floats:
    rows = np.asarray(tested, dtype=np.float64)
    _require_rows(rows, enrolment.means.shape[1])
    return rows


def _require_rows(rows: Floats, dimension: int) -> None:
    if rows.ndim != 2 or not rows.size or rows.shape[1] != dimension:
        raise VectorError(f"vectors of shape {rows.shape}, and {dimension} values each are compared")
    if not np.isfinite(rows).all():
        raise VectorError("a vector holds a value that is not finite (NaN or infinity)")


def _unit(rows: Floats) -> Floats:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if float(norms.min()) < 1e-12:
        raise VectorError("a vector of length zero points nowhere")
    directions: Floats = rows / norms
    return directions

"""Intervals for the figures of an attack: the percentile bootstrap, drawn by person, not by comparison.

Comparisons of one person are not independent: a voice that is hard to recognise is so in all of them. So whole
*clusters* are drawn with replacement (Field & Welsh 2007, *Bootstrapping clustered data*): a comparison within one
cluster counts as often as that was drawn; one between two clusters as often as the product (both sides are drawn, as in
Owen 2007, *The pigeonhole bootstrap*). With few clusters the interval is wide, and rather too narrow still; that is the
data's fault.

Knows scores and numbers of clusters; whose they are, it does not. The generator comes from the caller: it decides which
comparisons count, and no noise that protects anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt

from privacy import metrics
from privacy.errors import AttackError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
TIMES = 1000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Figure:
    """A rate with its bootstrap interval at 95 %."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}]"


@dataclass(frozen=True, slots=True)
class Rates:
    """What an attack's scores come to. All shares of 1."""

    eer: Figure  # ROCCH
    d_sys: Figure  # omega = 1
    tpr: Figure  # at 1 % FPR
    auc: Figure
    mated: int  # comparisons
    non_mated: int
    clusters: int  # what was drawn from

    def as_dict(self) -> dict[str, object]:
        """As it stands in a report: plain values alone."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Scores, and of which clusters they are: (n,) and (m,) with (n, k) and (m, k') numbers of clusters from 0.

    Usually one number to a mated comparison, whose it is, and two to a non-mated one: whose was released, and with
    whose it was compared. A number that stands twice in one row counts once.
    """

    mated: Floats = field(repr=False)
    non_mated: Floats = field(repr=False)
    mated_of: Ints
    non_mated_of: Ints

    def __post_init__(self) -> None:
        for scores, of in ((self.mated, self.mated_of), (self.non_mated, self.non_mated_of)):
            if scores.ndim != 1 or of.ndim != 2 or len(of) != len(scores) or of.shape[1] < 1 or (of < 0).any():
                raise AttackError(f"scores of shape {scores.shape} with clusters of shape {of.shape}")

    @property
    def curve(self) -> metrics.Curve:
        """All of them, each once."""
        return metrics.curve(self.mated, self.non_mated)


def rates(found: Comparisons, generator: np.random.Generator, times: int = TIMES) -> Rates:
    """The figures of *found* with their intervals, from *times* drawings. AttackError, also for a single cluster."""
    of = (found.mated_of, found.non_mated_of)
    present = np.unique(np.concatenate([kind.ravel() for kind in of]))
    ordered = metrics.in_order(found.mated, found.non_mated)
    curves = [found.curve]
    for drawn in _drawings(len(present), generator, times):
        counts = np.zeros(int(present[-1]) + 1)
        counts[present] = drawn
        weights = (_counted(counts, of[0]), _counted(counts, of[1]))
        if all(weight.any() for weight in weights):  # else one kind is not there at all, and there is no rate
            curves.append(ordered.curve(*weights))
    told: tuple[Callable[[metrics.Curve], float], ...] = (
        metrics.equal_error_rate,
        metrics.unlinkability,
        metrics.true_positive_rate,
        metrics.area_under_curve,
    )
    eer, d_sys, tpr, auc = (_figure([function(each) for each in curves]) for function in told)
    return Rates(eer, d_sys, tpr, auc, len(found.mated), len(found.non_mated), len(present))


def share(hits: npt.ArrayLike, of: Ints, generator: np.random.Generator, times: int = TIMES) -> Figure:
    """How many of *hits* (n,) are true, with its interval; *of* (n,) are the clusters that they lie in."""
    true = np.asarray(hits, dtype=np.float64)
    if not true.size or true.shape != of.shape:
        raise AttackError(f"hits of shape {true.shape} with clusters of shape {of.shape}")
    place = np.unique(of, return_inverse=True)[1]
    counted, number = np.bincount(place, weights=true), np.bincount(place)
    values = [float(true.mean())]
    for drawn in _drawings(len(number), generator, times):
        values.append(float((drawn * counted).sum() / (drawn * number).sum()))
    return _figure(values)


def _drawings(clusters: int, generator: np.random.Generator, times: int) -> npt.NDArray[np.int64]:
    """How often each cluster was drawn, (times, clusters)."""
    if clusters < 2:
        raise AttackError("of a single cluster (one person, one recording) no interval can be told")
    drawn: npt.NDArray[np.int64] = generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=times)
    return drawn


def _counted(counts: Floats, of: Ints) -> Floats:
    ordered = np.sort(of, axis=1)
    weights = counts[ordered]
    weights[:, 1:][ordered[:, 1:] == ordered[:, :-1]] = 1.0
    product: Floats = weights.prod(axis=1)
    return product


def _figure(values: list[float]) -> Figure:
    """The first is the figure, the others were drawn."""
    drawn = values[1:] or values
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(values[0], float(low), float(high))

"""Did the noise come from a seed? Each seed's noise is taken off again, and what remains is looked at.

Knows a released vector, seeds, and a callable that gives the noise of a seed (of NumPy's, torch's or anybody's
generator; none is imported here). The clean vector has norm 1, and that gives it away:

* released as it was made, y = x + z:  y - z has norm 1 for the right seed
* released as a direction, y / |y|:    the line through it passes z + x, so z lies within 1 of that line for the right
  seed; x is where |r u - z| = 1, at two lengths r, of which a *probe* (any vector of the same person) or a network's
  non-negative values tell the right one

How likely a wrong seed is to pass by chance is computed first, and a search in which one would is refused. Directions
of 256 values at sigma = 1: once in 10^252. At sigma = 0.01 a direction tells nothing, and a norm only where it is known
to more digits than float32 has (`tolerance`).

**Not found among the seeds that were tried is not safe.** What was tried is told by number, never more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from privacy.errors import AttackError, VectorError

Floats = npt.NDArray[np.float64]
_MOST_CHANCE = 1e-6  # that any of the wrong seeds passes


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """A seed that fits, and what the clean vector then is: (1, d), or (2, d) where two lengths fit a direction."""

    seed: int
    clean: Floats = field(repr=False)
    residual: float  # how far its norm is from 1 (or its noise from within 1 of the line)

    def nearest_to(self, probe: Floats) -> Floats:
        """The one of `clean` that is most like *probe*."""
        best: Floats = self.clean[int(np.argmax(self.clean @ probe))]
        return best


@dataclass(frozen=True, slots=True, eq=False)
class Inverted:
    """What a search came to."""

    generator: str  # whose seeds, in words
    tried: int
    found: tuple[Recovered, ...]
    nearest: float  # the smallest residual of all that were tried
    tolerance: float
    chance: float  # bound: that any wrong one of those tried passes

    def __str__(self) -> str:
        if self.found:
            return f"inverted: the noise is that of seed {self.found[0].seed} ({self.generator}, {self.tried} tried)"
        return f"not found among the {self.tried} seeds tried ({self.generator}); that is not safe, only not found"

    def as_dict(self) -> dict[str, object]:
        """As it stands in a report; without what was recovered, which is the person's."""
        seeds = [each.seed for each in self.found]
        return {"generator": self.generator, "tried": self.tried, "found": seeds, "nearest": self.nearest}


def search(
    released: npt.ArrayLike,
    seeds: Iterable[int],
    draw: Callable[[int], Floats],
    *,
    sigma: float,
    directions: bool,
    generator: str,
    tolerance: float = 1e-5,
) -> Inverted:
    """Try each of *seeds* on *released* (d,); *draw* gives the noise (d,) of standard deviation *sigma* that one makes.

    AttackError where no seed is given, or where wrong ones would pass by chance; VectorError.
    """
    vector = np.asarray(released, dtype=np.float64)
    if vector.ndim != 1 or not np.isfinite(vector).all() or float(np.linalg.norm(vector)) < 1e-12:
        raise VectorError(f"a released vector of shape {vector.shape} that is not finite, or of length zero")
    if directions:
        vector = vector / np.linalg.norm(vector)
    chance = chance_of_one(vector.size, sigma, directions=directions, tolerance=tolerance)
    tried, nearest, found = 0, math.inf, []
    for seed in seeds:
        clean, residual = recover(vector, draw(seed), directions=directions)
        nearest = min(nearest, residual)
        if residual <= tolerance:
            found.append(Recovered(seed, clean, residual))
        tried += 1
        if tried * chance > _MOST_CHANCE:
            raise AttackError(f"with {vector.size} values and noise of {sigma:g}, wrong seeds would pass by chance")
    if not tried:
        raise AttackError("no seed was tried")
    return Inverted(generator, tried, tuple(found), nearest, tolerance, tried * chance)


def recover(released: Floats, drawn: Floats, *, directions: bool) -> tuple[Floats, float]:
    """(what the clean vector would be if *drawn* (d,) was its noise, how far that is from being one of norm 1)."""
    if not directions:
        clean = released - drawn
        return clean[None], abs(float(np.linalg.norm(clean)) - 1)
    along = float(drawn @ released)
    away = float(np.linalg.norm(drawn - along * released))
    half = math.sqrt(max(0.0, 1 - away * away))
    lengths = [length for length in (along + half, along - half) if length > 0]
    if not lengths:  # it would have been released the other way round
        return np.empty((0, released.size)), max(away - 1, -along)
    return np.array([length * released - drawn for length in lengths]), max(0.0, away - 1)


def chance_of_one(dimension: int, sigma: float, *, directions: bool, tolerance: float) -> float:
    """How likely one wrong seed is to pass, rounded up.

    As a direction, d - 1 values of variance sigma^2 lie across the line: P(chi^2_k <= t) <= (t/k e^(1 - t/k))^(k/2)
    (Chernoff), 1 where t >= k. As released, y - z is a Gaussian of variance 2 sigma^2 round a vector of norm 1:
    twice the density of its norm at 1, which is integrated over the angle between the two, times 2 tolerance.
    """
    if not (math.isfinite(sigma) and sigma > 0):
        raise AttackError(f"sigma is {sigma}; without noise there is nothing to invert")
    if dimension < 3:
        return 1.0
    if directions:
        share = (1 + tolerance) ** 2 / (sigma * sigma * (dimension - 1))
        return 1.0 if share >= 1 else math.exp((dimension - 1) / 2 * (math.log(share) + 1 - share))
    variance = 2 * sigma * sigma
    cosine = np.linspace(-1, 1, 200_003)[1:-1]
    logs = (cosine - 1) / variance + (dimension - 3) / 2 * np.log1p(-cosine * cosine)
    sphere = math.log(2) + (dimension - 1) / 2 * math.log(math.pi) - math.lgamma((dimension - 1) / 2)
    log_density = (
        float(np.logaddexp.reduce(logs)) + math.log(1e-5) + sphere - dimension / 2 * math.log(2 * math.pi * variance)
    )
    return min(1.0, 4 * tolerance * math.exp(log_density))

"""Releases of a vector: what each mode adds, to what, and what may be claimed for it. The public door is `release`.

Knows vectors as arrays, not whose they are or what is spoken with them; keeps nothing. No call takes a seed.

    mode        protects                                    from what                            unit, Delta (norm <= 1)
    utterance   which recordings were used, not who speaks  the mean of n vectors, n public      a recording, 2/n
    local       who speaks, as far as epsilon says          one vector, epsilon <= 8             the speaker, 2
    anonymous   who speaks: nothing of them is read         public vectors only                  -, 0
    jitter      nothing                                     one vector                           -, no claim at all

Neighbouring is replace-one: one unit becomes another one's, and n stays. Every vector is divided by its norm; their
mean is not (its length is private). The mean is rounded to steps of 2^-20 and gets an integer of the discrete Gaussian
in each value; only then is it divided by its norm, which costs nothing more (Dwork & Roth 2014, Proposition 2.1).

**Delta** is 2/n (the triangle inequality) times 1 + 2^-40 for the floats that divided, and sqrt(d) 2^-20 for the
rounding: half a step in each of d values, of both neighbours.

**Discrete for continuous.** Rounding a continuous Gaussian to the steps is post-processing, so `privacy.accountant` is
exact for it. Its probability of steps k = (k_1 .. k_d) and the discrete Gaussian's are within a factor e^+-g,

    g = (|k / sigma|^2 / 8 + d / 24) / sigma^2        sigma in steps

because of one value the rounded one is phi(k) E[exp(-u^2 / 2 sigma^2) cosh(k u / sigma^2)] over u in -1/2 .. 1/2, with
1 <= cosh z <= exp(z^2/2), Jensen's inequality, and a normalisation that differs by e^(-2 pi^2 sigma^2) (Poisson
summation). But for a chance of e^-x, |k / sigma|^2 <= d + 2 sqrt(d x) + 2 x (Laurent & Massart 2000, Lemma 1, from the
moments of squares; the discrete Gaussian's are no larger), and seen from a neighbour |k / sigma| is at most mu more. So
the discrete one is (epsilon + 2 g, e^g delta + e^-x)-private: that is in `Mechanism.epsilon`, with x = 128.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from privacy import accountant
from privacy.budget import Budget
from privacy.discrete_gaussian import discrete_gaussian
from privacy.errors import BudgetError, VectorError

Floats = npt.NDArray[np.float64]
Mode = Literal["utterance", "anonymous", "local", "jitter"]
MODES: tuple[Mode, ...] = ("utterance", "anonymous", "local", "jitter")

STEPS = 1 << 20  # to one: vectors rest on multiples of 2^-20 when noise is added
MOST_LOCAL_EPSILON = 8.0  # beyond it, a vector that names its owner is all but what it was (DESIGN §9)
_LEAST_SIGMA_STEPS = 1 << 8  # below, the discrete and the continuous Gaussian are no longer the same thing
_FLOAT_SLACK = 1 + 2.0**-40
_FAR = 128.0  # x above: once in 10^55


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One release as it was calibrated: everything that its claim is computed from."""

    mode: Mode
    unit: str  # "utterance", "speaker"; "" where nothing of anybody is read
    n: int  # units in the mean; public
    dimension: int
    sensitivity: float  # Delta, rounding included
    sigma_steps: int  # of the noise, in steps of 2^-20; 0 for none
    mu: float | None  # Delta / sigma; None: no claim
    epsilon: float | None  # what is claimed, at delta; None: no claim
    delta: float | None

    @property
    def sigma(self) -> float:
        """Of the noise, in units of the vectors."""
        return self.sigma_steps / STEPS

    @property
    def floor(self) -> float | None:
        """The error rate that nobody who tells two units apart can beat; None where none is claimed."""
        return None if self.mu is None else accountant.error_floor(self.mu)

    def expected_cosine(self, length: float = 1.0) -> float:
        """Between the clean direction and the released one, if the clean mean has that *length*; it is private."""
        return 0.0 if self.mode == "anonymous" else accountant.expected_cosine(self.sigma, self.dimension, length)


def calibrate(mode: Mode, budget: Budget, dimension: int, n: int) -> Mechanism:
    """The least noise that keeps *budget* for *n* vectors of that *dimension*. BudgetError, VectorError."""
    if mode == "jitter":
        raise BudgetError("jitter has no epsilon: it protects nothing; say how much of it instead")
    if mode == "anonymous":
        return Mechanism(mode, "", 0, dimension, 0.0, 0, 0.0, 0.0, 0.0)
    if mode == "local" and budget.epsilon > MOST_LOCAL_EPSILON:
        raise BudgetError(f"epsilon is {budget.epsilon}; in mode local it may be {MOST_LOCAL_EPSILON:g} at most")
    if mode == "local" and n != 1:
        raise VectorError(f"mode local releases one vector, and there are {n}")
    if mode == "utterance":
        if n < 2:
            raise VectorError(f"mode utterance hides one recording among others, and there is {n or 'none'}")
        budget.require_for(n)
    delta_l2 = sensitivity(n, dimension)
    steps = max(_LEAST_SIGMA_STEPS, math.ceil(delta_l2 / accountant.mu_of(budget) * STEPS))
    while (epsilon := claimed(delta_l2, steps, dimension, budget.delta)) > budget.epsilon:
        steps += 1 + (steps >> 18)
    unit = "utterance" if mode == "utterance" else "speaker"
    return Mechanism(mode, unit, n, dimension, delta_l2, steps, delta_l2 * STEPS / steps, epsilon, budget.delta)


def jitter(sigma: float, dimension: int) -> Mechanism:
    """Noise of *sigma* that nothing is claimed for: at 0.01 on a vector of norm 1, epsilon would be 20 852."""
    if not (math.isfinite(sigma) and sigma > 0 and round(sigma * STEPS) >= 1):
        raise BudgetError(f"sigma is {sigma}; it has to be a positive number")
    return Mechanism(
        "jitter", "speaker", 1, dimension, sensitivity(1, dimension), round(sigma * STEPS), None, None, None
    )


def sensitivity(n: int, dimension: int) -> float:
    """How far the rounded mean of *n* vectors of norm 1 moves, at most, when one of them is replaced: Delta above."""
    return 2 / n * _FLOAT_SLACK + math.sqrt(dimension) / STEPS


def claimed(delta_l2: float, sigma_steps: int, dimension: int, delta: float) -> float:
    """The epsilon that may be claimed at *delta*, with what the discrete Gaussian adds to the continuous one's."""
    mu = delta_l2 * STEPS / sigma_steps
    radius = math.sqrt(dimension + 2 * math.sqrt(dimension * _FAR) + 2 * _FAR) + mu
    apart = (radius * radius / 8 + dimension / 24 + 1e-6) / sigma_steps**2  # g; 1e-6 for the normalisation
    return accountant.epsilon_of(mu, (delta - math.exp(-_FAR)) * math.exp(-apart)) + 2 * apart


def release(vectors: Floats, mechanism: Mechanism) -> Floats:
    """The direction (d,), of norm 1, of the noisy mean of *vectors* (n, d). VectorError if they are not *mechanism*'s.

    In mode anonymous *vectors* are public ones, as many as there are, and the direction is one drawn in their span.
    """
    rows = np.asarray(vectors, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != mechanism.dimension:
        raise VectorError(f"vectors of shape {rows.shape}, and the mechanism is for {mechanism.dimension} values each")
    if not np.isfinite(rows).all():
        raise VectorError("a vector holds a value that is not finite (NaN or infinity)")
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if not norms.size or float(norms.min()) < 1e-9:
        raise VectorError("a vector of length zero points nowhere")
    rows = rows / norms
    if mechanism.mode == "anonymous":
        return _direction(_weights(len(rows)) @ rows)
    if len(rows) != mechanism.n:
        raise VectorError(f"there are {len(rows)} vectors, and the mechanism is calibrated for {mechanism.n}")
    rounded = np.rint(mean(rows) * STEPS).astype(np.int64)
    noise = discrete_gaussian(mechanism.sigma_steps, mechanism.dimension)
    return _direction(np.array([int(value) + added for value, added in zip(rounded, noise, strict=True)], np.float64))


def mean(rows: Floats) -> Floats:
    """Of *rows* (n, d), each value rounded once: a sum in floats would err by more the larger n, and past the slack."""
    return np.array([math.fsum(column) for column in rows.T]) / len(rows)


def _weights(count: int) -> Floats:
    return np.array(discrete_gaussian(STEPS, count), dtype=np.float64)


def _direction(vector: Floats) -> Floats:
    norm = float(np.linalg.norm(vector))
    if norm == 0.0:
        raise VectorError("the noise took the vector to zero; run it again")
    return vector / norm

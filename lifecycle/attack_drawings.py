"""Fresh releases of everybody by a voice's own mechanism: what an attack on one vector cannot tell, these can.

Knows directions and how much noise there was; the noise is privacy's and comes from the operating system, as in any
release. Nothing here takes a seed. What is drawn is looked at in memory and thrown away: it is released to nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from privacy.mechanisms import STEPS, jitter, release, sensitivity

Vectors = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Released directions (R, S), and which candidate's each is."""

    directions: Vectors
    owners: npt.NDArray[np.int64]
    mu: float  # between any two people: a vector of norm 1, or all of one's recordings, exchanged


def draw_again(everybody: Sequence[Vectors], mode: str, sigma: float, times: int) -> Drawn:
    """*times* releases of each candidate's directions (k, S): of all k in mode utterance, else of their mean."""
    dimension = everybody[0].shape[1]
    noise = jitter(sigma, dimension)
    drawn, owners = [], []
    for owner, rows in enumerate(everybody):
        told = rows if mode == "utterance" else rows.mean(axis=0)[None]
        for _ in range(times):
            drawn.append(release(told, replace(noise, n=len(told))))
            owners.append(owner)
    mu = sensitivity(1, dimension) * STEPS / noise.sigma_steps
    return Drawn(np.stack(drawn), np.array(owners, dtype=np.int64), mu)

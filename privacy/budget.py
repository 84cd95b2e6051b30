"""A budget: how much a release may give away, as epsilon and delta.

Knows no mechanism. Reference: Dwork & Roth 2014. For neighbouring data x, x' and every set S of outputs

    Pr[M(x) in S]  <=  e^epsilon Pr[M(x') in S] + delta

What counts as neighbouring is the mechanism's to say (`privacy.mechanisms`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from privacy.errors import BudgetError

USUAL_DELTA = 1e-5
LEAST_DELTA = 1e-20  # below, rounding and tails that are left out here would count
MOST_DELTA = 1e-3  # delta is the chance that everything is lost: one in a thousand is no protection


@dataclass(frozen=True, slots=True)
class Budget:
    """(epsilon, delta) of one release. BudgetError if they promise nothing."""

    epsilon: float
    delta: float = USUAL_DELTA

    def __post_init__(self) -> None:
        """Refuse what is no budget."""
        if not (math.isfinite(self.epsilon) and self.epsilon > 0):
            raise BudgetError(f"epsilon is {self.epsilon}; it has to be a positive number")
        if not LEAST_DELTA <= self.delta <= MOST_DELTA:
            raise BudgetError(f"delta is {self.delta}; it has to lie in {LEAST_DELTA} .. {MOST_DELTA}")

    def require_for(self, n: int) -> None:
        """BudgetError if delta is 1/n or more: then showing one of *n* units in full would count as private."""
        if self.delta >= 1 / n:
            raise BudgetError(
                f"delta is {self.delta} and there are {n}: at 1/n or more, one of them may be shown whole"
            )

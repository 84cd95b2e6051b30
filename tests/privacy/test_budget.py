"""What is no budget is refused."""

from __future__ import annotations

import math

import pytest

from privacy.budget import Budget
from privacy.errors import BudgetError


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan, math.inf])
def test_an_epsilon_that_promises_nothing_is_refused(epsilon: float) -> None:
    with pytest.raises(BudgetError, match="epsilon"):
        Budget(epsilon)


@pytest.mark.parametrize("delta", [0.0, -1e-5, 0.5, math.nan])
def test_a_delta_that_promises_nothing_is_refused(delta: float) -> None:
    with pytest.raises(BudgetError, match="delta"):
        Budget(1.0, delta)


def test_a_delta_that_may_show_one_of_them_whole_is_refused() -> None:
    Budget(1.0, 1e-3).require_for(999)
    with pytest.raises(BudgetError, match="1/n"):
        Budget(1.0, 1e-3).require_for(1000)

"""A plan fits the time there is, and is the same when it is read again."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from core_model.nano import budget
from core_model.nano.budget import Plan

SECONDS = {"aligner": 0.1, "gpt": 0.5, "sovits": 0.52}
A_STEP = st.floats(1e-3, 10.0)


@given(
    left=st.floats(0, 1e6),
    seconds=st.fixed_dictionaries(dict.fromkeys(budget.STAGES, A_STEP)),
)
def test_all_trainings_together_fit_and_each_has_a_step(left: float, seconds: dict[str, float]) -> None:
    plan = budget.fitted(left, seconds)
    assert all(plan.steps[stage] >= 1 and plan.checkpoint_every[stage] >= 1 for stage in budget.STAGES)
    beyond_the_first = sum((plan.steps[stage] - 1) * seconds[stage] for stage in budget.STAGES)
    assert beyond_the_first <= 0.9 * left + 1e-6


def test_twice_the_time_is_twice_the_steps() -> None:
    hour, two = budget.fitted(3600, SECONDS), budget.fitted(7200, SECONDS)
    assert hour.steps == {"aligner": 1800, "gpt": 1440, "sovits": 4500}
    assert {stage: 2 * steps for stage, steps in hour.steps.items()} == two.steps
    assert hour.checkpoint_every == {"aligner": 1200, "gpt": 240, "sovits": 230}  # two minutes each


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    plan = budget.fitted(3600, SECONDS)
    plan.write(tmp_path / "plan.json")
    assert Plan.read(tmp_path / "plan.json") == plan
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_where_nobody_said_how_long_it_is_the_usual_one() -> None:
    assert budget.usual().steps == {"aligner": 1500, "gpt": 4000, "sovits": 6500}

"""The learning rate rises in a line and falls along half a cosine."""

from __future__ import annotations

import itertools

import pytest

from core_model.training.schedule import Options, Progress, learning_rate, silent


def test_warm_up_peak_and_end() -> None:
    options = Options(steps=1000, learning_rate=1e-3, warmup_steps=10)
    rates = [learning_rate(options, step) for step in range(1000)]
    assert rates[:10] == pytest.approx([1e-4 * (step + 1) for step in range(10)])
    assert max(rates) == pytest.approx(1e-3)
    assert all(a >= b for a, b in itertools.pairwise(rates[9:]))
    assert learning_rate(options, 505) == pytest.approx(1e-3 * (0.05 + 0.95 / 2))
    assert rates[-1] == pytest.approx(5e-5, rel=0.01)


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0), (1, 1), (2, 0), (5, 50)])
def test_short_runs_divide_by_nothing(steps: int, warmup: int) -> None:
    options = Options(steps=steps, warmup_steps=warmup)
    assert all(0 < learning_rate(options, step) <= options.learning_rate for step in range(steps))


def test_past_the_end_it_stays_at_a_twentieth() -> None:
    assert learning_rate(Options(steps=10, learning_rate=1.0, warmup_steps=0), 10_000) == pytest.approx(0.05)


def test_silent_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    silent(Progress("gpt", 1, 2, {"cross_entropy": 1.0}))
    assert capsys.readouterr() == ("", "")

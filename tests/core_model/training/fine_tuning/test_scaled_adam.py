"""ScaledAdam against the formulas at the top of its file, step by step on one number, and what it promises."""

from __future__ import annotations

import math

import pytest
import torch

from core_model.training.fine_tuning.scaled_adam import ScaledAdam


def parameter(*values: float) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor(values))


def test_the_first_step_is_a_share_of_the_size() -> None:
    """(1 - β1) · lr · rms, whatever the gradient: a tensor ten times as large moves ten times as far."""
    small, large = parameter(0.1, -0.1), parameter(1.0, -1.0)
    small.grad, large.grad = torch.tensor([5.0, -0.01]), torch.tensor([5.0, -0.01])
    ScaledAdam([small, large], 0.02).step()
    torch.testing.assert_close(small.detach(), torch.tensor([0.1, -0.1]) - 0.1 * 0.02 * 0.1 * torch.tensor([1.0, -1.0]))
    torch.testing.assert_close(large.detach(), torch.tensor([1.0, -1.0]) - 0.1 * 0.02 * 1.0 * torch.tensor([1.0, -1.0]))


def test_thirteen_steps_are_the_slow_obvious_ones() -> None:
    """Plain Python numbers beside the optimizer, over three windows of the sizes."""
    values, rate = [0.3, -0.5, 0.9], 0.05
    tensor = parameter(*values)
    optimizer = ScaledAdam([tensor], rate)
    delta, square, size_square, window = [0.0] * 3, [0.0] * 3, 0.0, [0.0] * 4
    rms = math.sqrt(sum(v * v for v in values) / 3)
    for step in range(13):
        gradients = [2 * (v - 0.2) + 0.1 * math.sin(step) for v in values]
        tensor.grad = torch.tensor(gradients)
        optimizer.step()
        delta = [0.9 * d for d in delta]
        window[step % 4] = sum(v * g for v, g in zip(values, gradients, strict=True))
        if step % 4 == 3:
            rms = math.sqrt(sum(v * v for v in values) / 3)
            if step > 3:
                beta = 0.95**4
                size_square = beta * size_square + (1 - beta) * sum(w * w for w in window) / 4
                corrected = size_square / (1 - beta ** ((step + 1) // 4 - 1))
                grow = -0.1 * rate * sum(window) / (math.sqrt(corrected) + 1e-8)
                delta = [d + 0.1 * v * grow for d, v in zip(delta, values, strict=True)]
        square = [0.95 * s + 0.05 * g * g for s, g in zip(square, gradients, strict=True)]
        moves = [g / (math.sqrt(s / (1 - 0.95 ** (step + 1))) + 1e-8) for g, s in zip(gradients, square, strict=True)]
        delta = [d - 0.1 * rate * rms * m for d, m in zip(delta, moves, strict=True)]
        values = [v + d for v, d in zip(values, delta, strict=True)]
    assert tensor.tolist() == pytest.approx(values, abs=1e-6)


def test_a_tensor_of_one_value_moves_by_a_tenth_of_the_rate_and_stays_within_ten() -> None:
    scale, far = parameter(1.0), parameter(10.0)
    scale.grad, far.grad = torch.tensor([3.0]), torch.tensor([-3.0])
    optimizer = ScaledAdam([scale, far], 0.5)
    optimizer.step()
    assert scale.item() == pytest.approx(1.0 - 0.1 * 0.1 * 0.5)
    assert far.item() == 10.0


def test_a_gradient_far_beyond_the_usual_is_clipped_to_twice_the_median() -> None:
    """Direction and size of the Adam step hide clipping, so the second moment is looked at."""
    tensor = parameter(1.0, 1.0)
    optimizer = ScaledAdam([tensor], 1e-9, median_of=4)
    for _ in range(4):
        tensor.grad = torch.tensor([0.6, 0.8])  # of norm 1, times a size of 1
        optimizer.step()
    before = optimizer.state[tensor]["square"].clone()
    tensor.grad = torch.tensor([600.0, 800.0])
    optimizer.step()
    seen = (optimizer.state[tensor]["square"] - 0.95 * before) / 0.05
    torch.testing.assert_close(seen.sqrt(), torch.tensor([1.2, 1.6]), rtol=1e-4, atol=0)


@pytest.mark.parametrize(("value", "grows"), [(1e-7, True), (5.0, False)])
def test_a_tensor_outside_the_bounds_of_size_comes_back(value: float, grows: bool) -> None:
    tensor = parameter(value, value)
    optimizer = ScaledAdam([tensor], 0.05)
    for _ in range(40):
        tensor.grad = torch.zeros(2)
        optimizer.step()
    assert (tensor.abs().max() > value) == grows

"""ScaledAdam: Adam whose step is proportional to the size of each tensor, and which learns that size as well.

Knows parameters and gradients; nothing of networks. Upstream trains its GPT with it (INFERENCE.md §8). Reference: Yao
et al. 2023 (Zipformer), §3.5 and appendix A.2; the constants are those the paper's authors publish.

    every step      Δ ← β1 Δ − (1 − β1) · lr · rms(θ) · g / √v                v as in Adam
    every 4 steps   Δ ← Δ − (1 − β1) · 0.1 lr · θ · Σ s / √w                  s = Σ θ·g, the gradient of log size
    then            θ ← θ + Δ

All gradients together are clipped to twice the median of the norms seen lately, each gradient weighed by its tensor's
size. A tensor of one value takes plain Adam steps of 0.1 lr.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

_BETAS = (0.9, 0.95)
_EPSILON = 1e-8
_SIZE_LEARNING_RATE = 0.1  # of the learning rate: for sizes, and for tensors of one value
_SIZE_EVERY = 4  # steps between updates of the sizes
_LEAST_RMS, _LARGEST_RMS = 1e-5, 3.0
_LARGEST_SCALAR = 10.0
_CLIPPING = 2.0  # times the median norm
_MEDIAN_OF = 1000  # steps that the median is taken over; nothing is clipped before


class ScaledAdam(torch.optim.Optimizer):
    """See the top of this file."""

    def __init__(self, parameters: Iterable[Tensor], learning_rate: float, *, median_of: int = _MEDIAN_OF) -> None:
        super().__init__(parameters, {"lr": learning_rate})
        self._median_of = median_of

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient. No closure is called."""
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            for parameter in parameters:
                if not self.state[parameter]:
                    self.state[parameter] = _fresh(parameter)
            scale = self._clipping(parameters)
            for parameter in parameters:
                assert parameter.grad is not None  # for mypy: filtered above
                _move(parameter, parameter.grad * scale, self.state[parameter], float(group["lr"]))

    def _clipping(self, parameters: list[Tensor]) -> float:
        """What all gradients are multiplied by, at most 1. The norms are kept with the first parameter."""
        if not parameters:
            return 1.0
        total = sum(float((parameter.grad * self.state[parameter]["rms"]).square().sum()) for parameter in parameters)
        norm = total**0.5
        memory = self.state[parameters[0]]
        if "norms" not in memory:
            memory["norms"] = torch.zeros(self._median_of)
            memory["threshold"] = torch.zeros(1)  # 0: not known yet
        seen = int(memory["step"])
        memory["norms"][seen % self._median_of] = norm
        if (seen + 1) % self._median_of == 0:
            memory["threshold"][0] = _CLIPPING * statistics.median(memory["norms"].tolist())
        threshold = float(memory["threshold"])
        return min(1.0, threshold / (norm + 1e-20)) if threshold else 1.0


def _fresh(parameter: Tensor) -> dict[str, Any]:
    state: dict[str, Any] = {
        "step": torch.zeros(()),
        "delta": torch.zeros_like(parameter),
        "square": torch.zeros_like(parameter),
        "rms": _rms(parameter),
    }
    if parameter.numel() > 1:
        state |= {"size_gradients": torch.zeros(_SIZE_EVERY), "size_square": torch.zeros(1)}
    return state


def _rms(parameter: Tensor) -> Tensor:
    """(1,): the root of the mean square; a tensor of one value has no size of its own, and moves by its rate alone."""
    if parameter.numel() == 1:
        return torch.full((1,), _SIZE_LEARNING_RATE, device=parameter.device)
    return parameter.square().mean().sqrt().reshape(1)


def _move(parameter: Tensor, gradient: Tensor, state: dict[str, Any], learning_rate: float) -> None:
    beta1, beta2 = _BETAS
    step = int(state["step"])
    delta: Tensor = state["delta"].mul_(beta1)
    scalar = parameter.numel() == 1
    if not scalar:
        state["size_gradients"][step % _SIZE_EVERY] = (parameter * gradient).sum()
        if step % _SIZE_EVERY == _SIZE_EVERY - 1:
            state["rms"] = _rms(parameter)
            if step > _SIZE_EVERY - 1:  # the first window only measures
                delta.add_(parameter * _size_step(state, step, learning_rate), alpha=1 - beta1)
    square: Tensor = state["square"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    corrected = square / (1 - beta2 ** (step + 1))
    rate = learning_rate * _SIZE_LEARNING_RATE if scalar else learning_rate * state["rms"].clamp(min=_LEAST_RMS)
    delta.sub_(gradient / (corrected.sqrt() + _EPSILON) * rate * (1 - beta1))
    parameter.add_(delta)
    if scalar:
        parameter.clamp_(-_LARGEST_SCALAR, _LARGEST_SCALAR)
    state["step"] += 1


def _size_step(state: dict[str, Any], step: int, learning_rate: float) -> float:
    """By which share of itself the tensor grows: Adam on the logarithm of its size, kept within bounds."""
    rate = learning_rate * _SIZE_LEARNING_RATE
    rms = float(state["rms"])
    if rms < _LEAST_RMS:
        return rate * _SIZE_EVERY
    if rms > _LARGEST_RMS:
        return -rate * _SIZE_EVERY
    beta = _BETAS[1] ** _SIZE_EVERY
    gradients: Tensor = state["size_gradients"]
    state["size_square"].mul_(beta).add_(gradients.square().mean(), alpha=1 - beta)
    corrected = float(state["size_square"]) / (1.0 - beta ** ((step + 1) // _SIZE_EVERY - 1))
    return -rate * float(gradients.sum()) / (math.sqrt(corrected) + _EPSILON)

"""DP-SGD: gradients of one unit at a time, each clipped, their sum noised; the only file of this room with torch.

Knows a module and an optimizer, not what they learn. What a unit is, the caller decides: one row of losses is one unit.
Per-unit gradients and clipping are Opacus's; who takes part in a step and the noise come from the operating system, so
there is nothing here that a seed could be given to. Reference: Abadi et al. 2016; Opacus (Yousefpour et al. 2021).

    private = make_private(module, torch.optim.Adam(trained), units=60, sampling_probability=0.5,
                           noise_multiplier=2.0, max_grad_norm=0.1)
    for _ in range(steps):
        drawn = private.draw()                                  # each unit with probability q, by itself: may be none
        private.step(losses_of(private.module, drawn) if drawn else None)       # (len(drawn),)

Not hidden: how long a step takes, which tells about how many units it had. And rows of one batch share matrix products,
so that one row may move another in the last bits of a float32, before it is clipped.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from opacus.accountants import PRVAccountant
from opacus.grad_sample import GradSampleModule
from opacus.optimizers import DPOptimizer
from opacus.validators import ModuleValidator
from torch import Tensor, nn

from privacy.errors import PrivateTrainingError

RANDOMNESS = "os.urandom for the noise (Box & Muller 1958, four of them summed) and for who takes part; no seed"
_SUMMED = 4  # normals that make one: Holohan & Braghin 2021, against what single floats tell (arXiv 2107.10138)


class Private:
    """What `make_private` gives: draw, compute one loss for each unit drawn, step."""

    def __init__(self, module: GradSampleModule, optimizer: _NoisyOptimizer, units: int, probability: float) -> None:
        self.module = module
        self.optimizer = optimizer
        self._units = units
        self._probability = probability
        self._drawn: int | None = None

    def draw(self) -> tuple[int, ...]:
        """Poisson sampling: the indices of the units that take part in the next step, each by a draw of its own."""
        below = math.floor(self._probability * 2**64)
        bits = np.frombuffer(os.urandom(8 * self._units), np.uint64)
        drawn = tuple(index for index, value in enumerate(bits) if int(value) < below)
        self._drawn = len(drawn)
        return drawn

    def step(self, losses: Tensor | None) -> None:
        """One step by *losses* (B,), one for each unit that was drawn; None if none was: then the noise goes alone.

        A unit whose gradient is not finite counts as zero: it would make the sum one, whatever the clipping.
        PrivateTrainingError if there are not as many as were drawn, or nobody drew.
        """
        count = 0 if losses is None else losses.numel()
        if self._drawn is None or count != self._drawn or (losses is not None and losses.shape != (count,)):
            raise PrivateTrainingError(f"{count} losses for a step that {self._drawn} units were drawn for")
        self._drawn = None
        if losses is None:
            for parameter in self.optimizer.params:
                parameter.grad_sample = parameter.new_zeros((0, *parameter.shape))
        else:
            losses.mean().backward()  # type: ignore[no-untyped-call]
            if any(parameter.grad_sample is None for parameter in self.optimizer.params):
                raise PrivateTrainingError("something that is trained had no part in the losses, or in more than them")
            _drop_what_is_not_finite(self.optimizer.params)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)


def make_private(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    units: int,
    sampling_probability: float,
    noise_multiplier: float,
    max_grad_norm: float,
) -> Private:
    """Make *module* learn by DP-SGD. PrivateTrainingError if it cannot, or the figures promise nothing.

    *optimizer* holds exactly those parameters of *module* that require a gradient. *sampling_probability* is of each of
    *units*; the sum is divided by how many are expected, never by how many came. Noise has the standard deviation
    noise_multiplier * max_grad_norm in each value of the sum.
    """
    _require_figures(units, sampling_probability, noise_multiplier, max_grad_norm)
    trained = {id(parameter) for parameter in module.parameters() if parameter.requires_grad}
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    if not trained or trained != held:
        raise PrivateTrainingError("the optimizer does not hold exactly what is trained")
    for name, part in module.named_modules():
        _require_supported(name, part)
    wrapped = GradSampleModule(module, loss_reduction="mean")
    noisy = _NoisyOptimizer(
        optimizer,
        noise_multiplier=noise_multiplier,
        max_grad_norm=max_grad_norm,
        expected_batch_size=sampling_probability * units,
        loss_reduction="mean",
    )
    return Private(wrapped, noisy, units, sampling_probability)


def prv_epsilon(noise_multiplier: float, sampling_probability: float, steps: int, delta: float) -> float:
    """The upper bound on epsilon by Opacus's PRV accountant (Gopi et al. 2021), to within 0.2 % of it."""
    accountant = PRVAccountant()
    accountant.history = [(noise_multiplier, sampling_probability, steps)]
    with warnings.catch_warnings():  # of RDP, which gives the width of the grid alone: a wider one is no worse a bound
        warnings.filterwarnings("ignore", "Optimal order is the (largest|smallest) alpha")
        coarse = float(accountant.get_epsilon(delta))
        return float(accountant.get_epsilon(delta, eps_error=min(0.01, 0.002 * coarse)))


def normal(count: int, deviation: float) -> np.ndarray:
    """*count* float64 of N(0, deviation²) from the operating system's random bytes."""
    pairs = _SUMMED * count  # the cosine alone: with the sine of the same pair it would make one normal, not two
    first, second = np.frombuffer(os.urandom(16 * pairs), np.uint64).reshape(2, pairs) >> np.uint64(11)
    radius = np.sqrt(-2 * np.log((first + np.uint64(1)) * 2.0**-53))
    drawn = radius * np.cos(2 * np.pi * second * 2.0**-53)
    summed: np.ndarray = drawn.reshape(_SUMMED, count).sum(axis=0) * (deviation / math.sqrt(_SUMMED))
    return summed


class _NoisyOptimizer(DPOptimizer):  # type: ignore[misc]  # it has no types
    """Opacus's, with noise from the operating system.

    Its own takes a torch.Generator, of whose seed torch keeps 32 bits on a CPU: one could try them all.
    """

    def add_noise(self) -> None:
        """The clipped sums, noised, into every parameter's grad."""
        deviation = self.noise_multiplier * self.max_grad_norm
        for parameter in self.params:
            noise = torch.from_numpy(normal(parameter.numel(), deviation)).reshape(parameter.shape)
            parameter.grad = (parameter.summed_grad.double() + noise.to(parameter.device)).to(parameter.dtype)


def _drop_what_is_not_finite(parameters: Sequence[Any]) -> None:
    finite = torch.stack([p.grad_sample.flatten(1).isfinite().all(dim=1) for p in parameters]).all(dim=0)  # (B,)
    norms = torch.stack([p.grad_sample.flatten(1).double().square().sum(dim=1) for p in parameters]).sum(dim=0)
    dropped = ~(finite & (norms < torch.finfo(torch.float32).max))
    for parameter in parameters:
        parameter.grad_sample[dropped] = 0.0


def _require_figures(units: int, probability: float, noise_multiplier: float, max_grad_norm: float) -> None:
    if units < 2:
        raise PrivateTrainingError(f"one unit is hidden among others, and there is {units or 'none'}")
    if not 0 < probability <= 1:
        raise PrivateTrainingError(f"the sampling probability is {probability}; it has to lie in 0 .. 1")
    for name, value in (("noise multiplier", noise_multiplier), ("largest gradient norm", max_grad_norm)):
        if not (math.isfinite(value) and value > 0):
            raise PrivateTrainingError(f"the {name} is {value}; it has to be a positive number")


def _require_supported(name: str, part: nn.Module) -> None:
    """Refuse what would give no gradients of single units, and what Opacus finds out only in the middle of a step."""
    own = dict(part.named_parameters(recurse=False))
    if not any(parameter.requires_grad for parameter in own.values()):
        return
    if "weight_g" in own:
        raise PrivateTrainingError(f"{name} has the old weight norm; its parametrized form can be trained")
    if errors := ModuleValidator.validate(part, strict=False):
        raise PrivateTrainingError(f"{name} cannot be trained so: {errors[0]}")

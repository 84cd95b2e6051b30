"""A step of DP-SGD beside the same step without it: nano, 16 recordings of 4 s, one thread, as a ratio.

Compared, never gated. Both learn the same layers from the same losses; what differs is gradients of single units, their
clipping, and the noise. The turns alternate, so that a busy machine slows both.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from core_model.nano import base as nano
from core_model.nano.dims import SOVITS_DIMS
from core_model.sovits.losses import MelLoss
from core_model.training.conditioned import Conditioned, Learning, losses_of, optimizer_of, window
from core_model.training.dataset import Example
from core_model.training.sovits import mel_loss
from privacy.dpsgd import make_private

pytestmark = pytest.mark.bench

ROWS, TOKENS, ROUNDS = 16, 100, 5


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def recordings() -> list[tuple[Example]]:
    rng = np.random.Generator(np.random.Philox(key=1))
    return [
        (
            Example(
                0,
                rng.integers(0, 700, 40),
                rng.integers(0, SOVITS_DIMS.semantic_codes, TOKENS),
                rng.standard_normal((80, 2 * TOKENS)).astype(np.float16),
                rng.uniform(80, 300, 2 * TOKENS).astype(np.float32),
                (3000 * rng.standard_normal(640 * TOKENS)).astype(np.int16),
            ),
        )
        for _ in range(ROWS)
    ]


def private_step(distance: MelLoss) -> Callable[[], None]:
    base = nano.load()
    module = Conditioned(base.sovits, base.stock_styles.mean(axis=0, keepdims=True), 1.0)
    private = make_private(
        module,
        optimizer_of(module, Learning()),
        units=ROWS,
        sampling_probability=1.0,  # the same rows in every step, as beside
        noise_multiplier=2.0,
        max_grad_norm=0.1,
    )
    heard = recordings()

    def step() -> None:
        seen = window(heard, private.draw(), SOVITS_DIMS.latent, os.urandom)
        private.step(losses_of(private.module, distance, seen))

    return step


def plain_step(distance: MelLoss) -> Callable[[], None]:
    base = nano.load()
    module = Conditioned(base.sovits, base.stock_styles.mean(axis=0, keepdims=True), 1.0)
    optimizer = optimizer_of(module, Learning(0.01, 0.01))
    heard = recordings()

    def step() -> None:
        optimizer.zero_grad()
        losses_of(module, distance, window(heard, range(ROWS), SOVITS_DIMS.latent, os.urandom)).mean().backward()
        optimizer.step()

    return step


@pytest.mark.benchmark(group="private training")
def test_a_private_step_beside_a_plain_one(benchmark) -> None:
    distance = mel_loss()
    private, plain = private_step(distance), plain_step(distance)
    private()
    plain()
    ratios = []

    def both() -> None:
        taken = []
        for step in (private, plain):
            started = time.process_time()
            step()
            taken.append(time.process_time() - started)
        ratios.append(taken[0] / taken[1])

    benchmark.pedantic(both, rounds=ROUNDS, iterations=1)
    assert len(ratios) == ROUNDS
    benchmark.extra_info["private_over_plain"] = round(statistics.median(ratios), 2)

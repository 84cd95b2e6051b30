"""DP-SGD against the slow loop: one backward pass for each unit, clipped and summed by hand; and what its noise is.

The network is the tiny SoVITS, trained as private training trains it: a style, a weight-normed convolution in each
coupling, a plain one in the decoder, a linear layer before the fusion.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from core_model.training import conditioned
from core_model.training.conditioned import Learning, Window, losses_of, optimizer_of, window
from core_model.training.dataset import collate
from core_model.training.sovits import mel_loss
from privacy import dpsgd
from privacy.dpsgd import Private, make_private, normal, prv_epsilon
from privacy.errors import PrivateTrainingError
from tests.private_examples import tiny_conditioned, tiny_recordings

UNITS = 5


def private_of(module: nn.Module, optimizer: torch.optim.Optimizer | None = None, **figures: float) -> Private:
    optimizer = optimizer or torch.optim.SGD([p for p in module.parameters() if p.requires_grad], lr=1.0)
    told = {"units": UNITS, "sampling_probability": 0.5, "noise_multiplier": 1.0, "max_grad_norm": 1.0} | figures
    return make_private(module, optimizer, **told)  # type: ignore[arg-type]


def drawing(private: Private, wanted: tuple[int, ...]) -> tuple[int, ...]:
    """Draw until just these take part."""
    while (drawn := private.draw()) != wanted:
        pass
    return drawn


def small(*, bias: bool = True) -> nn.Linear:
    torch.manual_seed(3)
    return nn.Linear(3, 2, bias=bias)


def ones(count: int, width: int = 3) -> Tensor:
    return torch.ones(count, width, requires_grad=True)  # or torch warns that a hook has no input's gradient


def without_noise(count: int, deviation: float) -> np.ndarray:
    return np.zeros(count)


@pytest.fixture(scope="module")
def gradients() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """By name, the gradient of every unit: Opacus's, and the slow loop's. (B, ...)"""
    recordings = tiny_recordings(UNITS)
    distance = mel_loss()
    seen = window(recordings, range(UNITS), 8, lambda count: bytes(count))
    module = tiny_conditioned()
    slow: dict[str, list[Tensor]] = {}
    for index in range(UNITS):
        module.zero_grad()
        losses_of(module, distance, seen)[index].backward()
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                slow.setdefault(name, []).append(parameter.grad.clone())
    fast_module = tiny_conditioned()
    private = private_of(fast_module)
    losses_of(private.module, distance, seen).mean().backward()
    fast = {name: p.grad_sample for name, p in fast_module.named_parameters() if p.requires_grad}
    return fast, {name: torch.stack(each) for name, each in slow.items()}


def test_gradients_of_single_units_are_those_of_the_slow_loop(
    gradients: tuple[dict[str, Tensor], dict[str, Tensor]],
) -> None:
    fast, slow = gradients
    assert set(fast) == set(slow)
    kinds = {"offset.weight", "condition.parametrizations.weight.original0", "condition.bias", "style_to_fusion.weight"}
    assert all(any(name.endswith(kind) for name in fast) for kind in kinds)
    for name in fast:
        assert float(slow[name].abs().max()) > 1e-4, name  # it does learn
        assert float((fast[name] - slow[name]).abs().max()) <= 1e-6, name


def test_a_unit_is_the_same_alone_and_beside_a_longer_one() -> None:
    """What a longer one makes of the others (padding, masks) is no part of what is clipped: Delta rests on that."""
    recordings, distance = tiny_recordings(UNITS), mel_loss()
    together = window(recordings, (0, UNITS - 1), 8, lambda count: bytes(count))
    piece = recordings[0][0]
    frames = 2 * len(piece.tokens)
    assert together.noise.shape[2] > frames
    alone = Window(collate([piece]), together.starts[:1], together.noise[:1, :, :frames], together.breath[:1])
    found = []
    for seen in (alone, together):
        module = tiny_conditioned()
        losses_of(private_of(module).module, distance, seen).mean().backward()
        found.append([p.grad_sample[0] for p in module.parameters() if p.requires_grad])
    for one, other in zip(*found, strict=True):
        assert float((one - other).abs().max()) <= 1e-6


def test_the_clipped_sum_is_the_slow_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dpsgd, "normal", without_noise)
    recordings, distance = tiny_recordings(UNITS), mel_loss()
    seen = window(recordings, (0, 2, 3), 8, lambda count: bytes(count))
    module = tiny_conditioned()
    trained = [p for p in module.parameters() if p.requires_grad]
    clip, total = 0.05, [torch.zeros_like(p) for p in trained]
    norms = []
    for index in range(3):
        gradient = torch.autograd.grad(losses_of(module, distance, seen)[index], trained)
        norm = math.sqrt(sum(float(g.double().square().sum()) for g in gradient))
        norms.append(norm)
        for summed, g in zip(total, gradient, strict=True):
            summed += g * min(1.0, clip / norm)
    assert max(norms) > clip  # something was clipped
    before = [p.detach().clone() for p in trained]
    private = private_of(module, max_grad_norm=clip)
    drawing(private, (0, 2, 3))
    private.step(losses_of(private.module, distance, seen))
    for old, new, summed in zip(before, trained, total, strict=True):
        # divided by how many were expected, which is 2.5 of 5, and never by the 3 that came
        assert torch.allclose(old - new, summed / 2.5, atol=1e-6, rtol=2e-5)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.01, 100), min_size=3, max_size=3), st.floats(0.1, 10))
def test_no_unit_moves_the_sum_by_more_than_the_clip(sizes: list[float], clip: float) -> None:
    module = small(bias=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dpsgd, "normal", without_noise)
        private = private_of(module, units=3, sampling_probability=1.0, max_grad_norm=clip)
        moved = []
        for rows in (sizes, sizes[:-1] + [0.0]):  # with the last one, and without
            before = module.weight.detach().clone()
            drawing(private, (0, 1, 2))
            private.step(private.module(torch.tensor(rows)[:, None] * ones(3)).sum(dim=1))
            moved.append((before - module.weight.detach()) * 3)
    assert float((moved[0] - moved[1]).norm()) <= clip * (1 + 1e-5)


def test_noise_has_the_stated_deviation_also_where_nobody_was_drawn() -> None:
    module = nn.Linear(200, 50)
    private = private_of(module, noise_multiplier=3.0, max_grad_norm=0.5, sampling_probability=0.2, units=10)
    before = module.weight.detach().clone()
    drawing(private, ())
    private.step(None)
    noise = ((before - module.weight.detach()) * 2).double().flatten()  # two of ten were expected
    assert float(noise.std()) == pytest.approx(1.5, rel=0.03)
    assert abs(float(noise.mean())) < 5 * 1.5 / 100
    assert float((noise.abs() > 3.0).double().mean()) == pytest.approx(math.erfc(2 / math.sqrt(2)), rel=0.3)


def test_normals_are_normal_and_never_the_same() -> None:
    drawn = normal(40_000, 2.0)
    assert abs(drawn.mean()) < 5 * 2 / 200
    assert drawn.std() == pytest.approx(2.0, rel=0.02)
    ordered = np.sort(drawn / 2)
    expected = np.array([math.erfc(-x / math.sqrt(2)) / 2 for x in ordered])
    assert np.abs(expected - (np.arange(40_000) + 0.5) / 40_000).max() < 1.95 / 200  # Kolmogorov, one in a thousand
    halves = drawn[:20_000] * drawn[20_000:]
    assert abs(halves.mean()) < 5 * 4 / math.sqrt(20_000)
    assert not np.array_equal(normal(40_000, 2.0), drawn)
    assert normal(1, 1.0).shape == (1,)


def test_four_normals_make_one_and_no_two_of_them_are_of_one_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sine and cosine of one pair add up to one normal by another angle: less to guess than two."""
    asked: list[int] = []

    def least(count: int) -> bytes:
        asked.append(count)
        return bytes(count // 2 - 8) + bytes([255] * 8) + bytes(count // 2)  # a radius of zero, but for the first three

    monkeypatch.setattr(dpsgd.os, "urandom", least)
    assert normal(1, 2.0) == pytest.approx(3 * math.sqrt(2 * 53 * math.log(2)), rel=1e-9)
    assert asked == [4 * 16]


def test_each_unit_takes_part_by_a_draw_of_its_own() -> None:
    private = private_of(small(), units=40, sampling_probability=0.25)
    draws = np.zeros((2000, 40), bool)
    for row in draws:
        row[list(private.draw())] = True
    assert draws.mean() == pytest.approx(0.25, abs=5 * math.sqrt(0.25 * 0.75 / draws.size))
    assert draws.sum(axis=1).std() == pytest.approx(math.sqrt(40 * 0.25 * 0.75), rel=0.15)  # Poisson, no fixed size
    assert len(private_of(small(), units=40, sampling_probability=1.0).draw()) == 40


def test_seeds_of_torch_reach_neither_the_noise_nor_the_draw() -> None:
    results, drawn = [], []
    for _ in range(2):
        torch.manual_seed(0)
        np.random.seed(0)
        module = nn.Linear(4, 4, bias=False)
        nn.init.zeros_(module.weight)
        private = private_of(module, units=64)
        drawn.append(private.draw())
        private.step(private.module(ones(len(drawn[-1]), 4)).sum(dim=1) if drawn[-1] else None)
        results.append(module.weight.detach().clone())
    assert not torch.equal(*results)
    assert drawn[0] != drawn[1]


def test_a_seeded_torch_generator_would_have_had_32_bits() -> None:
    """Why the noise does not come from one: seeds that differ above bit 32 give the same numbers on a CPU."""
    one, other = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1 + 2**32)
    assert torch.equal(torch.randn(100, generator=one), torch.randn(100, generator=other))


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, 3e38])
def test_a_unit_without_a_finite_gradient_counts_as_zero(broken: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dpsgd, "normal", without_noise)
    module = small(bias=False)
    before = module.weight.detach().clone()
    private = private_of(module, units=2, sampling_probability=1.0, max_grad_norm=100.0)
    drawing(private, (0, 1))
    private.step(private.module(torch.tensor([[1.0], [broken]]) * ones(2)).sum(dim=1))
    assert torch.allclose(before - module.weight.detach(), torch.full((2, 3), 0.5), atol=1e-5)


def test_nothing_of_single_units_is_left_after_a_step() -> None:
    module = small()
    private = private_of(module)
    private.step(private.module(ones(len(drawing(private, (1, 4))))).sum(dim=1))
    assert all(p.grad is None and p.grad_sample is None for p in module.parameters())
    assert all(getattr(p, "summed_grad", None) is None for p in module.parameters())


def test_a_step_takes_as_many_losses_as_were_drawn_and_only_once() -> None:
    private = private_of(small())
    with pytest.raises(PrivateTrainingError, match="0 losses"):
        private.step(None)
    drawing(private, (1, 4))
    with pytest.raises(PrivateTrainingError, match="3 losses for a step that 2 units"):
        private.step(torch.ones(3))
    with pytest.raises(PrivateTrainingError, match="0 losses"):
        private.step(None)
    assert drawing(private, (1, 4))
    private.step(private.module(ones(2)).sum(dim=1))
    with pytest.raises(PrivateTrainingError, match="2 losses for a step that None"):
        private.step(torch.ones(2))


def test_what_has_no_part_in_the_losses_is_not_trained_without_noise_either() -> None:
    module = nn.ModuleList([small(), small()])
    private = private_of(module)
    drawing(private, (1, 4))
    with pytest.raises(PrivateTrainingError, match="no part in the losses"):
        private.step(module[0](ones(2)).sum(dim=1))


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ({"units": 1}, "there is 1"),
        ({"units": 0}, "there is none"),
        ({"sampling_probability": 0.0}, "sampling probability is 0.0"),
        ({"sampling_probability": 1.5}, "sampling probability is 1.5"),
        ({"sampling_probability": math.nan}, "sampling probability is nan"),
        ({"noise_multiplier": 0.0}, "noise multiplier is 0.0"),
        ({"noise_multiplier": math.nan}, "noise multiplier is nan"),
        ({"max_grad_norm": -1.0}, "largest gradient norm is -1.0"),
        ({"max_grad_norm": math.inf}, "largest gradient norm is inf"),
    ],
)
def test_figures_that_promise_nothing(figures: dict[str, float], told: str) -> None:
    with pytest.raises(PrivateTrainingError, match=told):
        private_of(small(), **figures)


def old_weight_norm() -> nn.Module:
    with pytest.warns(FutureWarning):
        return nn.Sequential(torch.nn.utils.weight_norm(nn.Conv1d(2, 2, 1)))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (old_weight_norm, "old weight norm"),
        (lambda: nn.Sequential(nn.BatchNorm1d(3)), "BatchNorm"),
        (lambda: nn.Sequential(nn.GRU(3, 3)), "GRU"),
        (lambda: small().eval(), "training mode"),
        (lambda: small().requires_grad_(False), "does not hold exactly"),
    ],
)
def test_networks_that_have_no_gradients_of_single_units(make: Callable[[], nn.Module], told: str) -> None:
    module = make()
    optimizer = torch.optim.SGD(list(module.parameters()), lr=0.1)
    with pytest.raises(PrivateTrainingError, match=told):
        private_of(module, optimizer)


def test_an_optimizer_that_holds_less_than_what_is_trained() -> None:
    module = small()
    with pytest.raises(PrivateTrainingError, match="does not hold exactly"):
        private_of(module, torch.optim.SGD([module.weight], lr=0.1))


def test_only_where_the_style_enters_anything_moves() -> None:
    module, recordings = tiny_conditioned(), tiny_recordings(UNITS)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    optimizer = optimizer_of(module, Learning())
    private = private_of(module, optimizer)
    told: list[tuple[int, int]] = []
    conditioned.train(
        private.module,
        recordings,
        3,
        latent=8,
        optimizer=optimizer,
        draw=private.draw,
        step=private.step,
        entropy=os.urandom,
        report=lambda done, steps: told.append((done, steps)),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
    moved = {name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {name for name, parameter in module.named_parameters() if parameter.requires_grad}
    assert {name.split(".")[1] for name in moved if name.startswith("network.")} == {
        "decoder",
        "flow",
        "style_to_fusion",
    }
    assert module.style().shape == (1, 16, 1)


def test_prv_is_what_the_trials_found() -> None:
    assert prv_epsilon(1.0, 32 / 300, 188, 1e-5) == pytest.approx(10.33, abs=0.05)  # 20 epochs of 300, batch 32


def test_a_small_epsilon_brings_no_warning_of_somebody_elses() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 0 < prv_epsilon(1000.0, 0.5, 30, 1e-5) < 0.01

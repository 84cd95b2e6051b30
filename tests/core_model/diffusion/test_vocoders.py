"""Vocoders: lengths, the filters round a periodic activation, and that folding weight norm changes nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from core_model.diffusion import vocoders
from core_model.sovits.layers import fold_weight_norm
from tests.core_model.diffusion import tiny

FLOWS = {"v3": tiny.FLOW_V3, "v4": tiny.FLOW_V4}


def lively(name: str) -> vocoders.Vocoder:
    made = vocoders.build(FLOWS[name].mel_bands, FLOWS[name].vocoder)
    tiny.enliven(made)
    return made.requires_grad_(False)


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("frames", [1, 2, 9])
def test_each_frame_becomes_its_samples(name: str, frames: int) -> None:
    waveform = lively(name)(torch.randn(2, 6, frames))
    assert waveform.shape == (2, 1, frames * FLOWS[name].samples_per_frame)
    assert waveform.abs().max() <= 1.0
    assert waveform.abs().max() > 0.01


@pytest.mark.parametrize("name", FLOWS)
def test_folded_weight_norm_says_the_same(name: str) -> None:
    vocoder, mel = lively(name), torch.randn(1, 6, 7)
    before = vocoder(mel)
    torch.testing.assert_close(fold_weight_norm(vocoder)(mel), before, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", FLOWS)
def test_what_is_far_away_is_not_heard(name: str) -> None:
    """Convolutions see so far and no farther: the first samples do not depend on the last frames."""
    vocoder, mel = lively(name), torch.randn(1, 6, 60)
    other = mel.clone()
    other[:, :, -1] += 1
    change = (vocoder(other) - vocoder(mel)).abs()[0, 0]
    assert not change[: FLOWS[name].samples_per_frame].any()
    assert change[-FLOWS[name].samples_per_frame :].max() > 1e-3


def test_the_filter_passes_the_lower_half() -> None:
    """Unit gain at 0, half of it at a quarter of the rate, next to nothing at the upper end; symmetric."""
    taps = vocoders.low_pass_filter().astype(np.float64)
    assert taps.shape == (12,)
    np.testing.assert_allclose(taps, taps[::-1], atol=1e-8)

    def gain(frequency: float) -> float:
        return abs(sum(tap * np.exp(-2j * math.pi * frequency * n) for n, tap in enumerate(taps)))

    assert gain(0.0) == pytest.approx(1.0, abs=1e-6)
    assert gain(0.25) == pytest.approx(0.5, abs=0.05)
    assert gain(0.5) < 1e-6
    assert gain(0.1) > 0.9
    assert gain(0.4) < 0.06


@pytest.mark.parametrize(
    ("half_width", "taps"),
    [(0.02, 12), (0.07, 12), (0.3, 24)],  # Kaiser's three cases: no window, a weak one, a strong one
)
def test_filters_of_other_widths_have_unit_sum(half_width: float, taps: int) -> None:
    made = vocoders.low_pass_filter(0.25, half_width, taps)
    assert made.shape == (taps,)
    assert made.sum() == pytest.approx(1.0, abs=1e-6)


def slow_activation(activation: vocoders.PeriodicActivation, x: Tensor) -> Tensor:
    """The definition: zeros between samples, the filter, the sine, the filter, every second sample."""
    taps = vocoders.low_pass_filter().astype(np.float64)
    out = torch.empty_like(x)
    for c in range(x.shape[1]):
        edge = np.pad(x[0, c].double().numpy(), 10, mode="edge")
        spread = np.zeros(2 * len(edge))
        spread[::2] = edge
        fast = np.convolve(spread, 2 * taps)  # fast[m] looks at spread[m - 11 .. m]
        fast = fast[20 + 5 : 20 + 5 + 2 * x.shape[2]]
        frequency, height = (math.exp(float(p[c])) for p in (activation.log_frequency, activation.log_height))
        fast = fast + np.sin(frequency * fast) ** 2 / height
        fast = np.pad(fast, (5, 6), mode="edge")
        out[0, c] = torch.from_numpy(np.correlate(fast, taps, mode="valid")[::2])
    return out


def test_periodic_activation_beside_the_slow_definition() -> None:
    activation = vocoders.PeriodicActivation(3).requires_grad_(False)
    tiny.enliven(activation)
    for frames in (1, 2, 5, 30):
        x = torch.randn(1, 3, frames)
        torch.testing.assert_close(activation(x), slow_activation(activation, x), atol=1e-5, rtol=1e-4)


def test_a_slow_signal_passes_the_filters() -> None:
    """With a sine that does next to nothing, going up and down again changes only what is near the limit."""
    activation = vocoders.PeriodicActivation(1)
    with torch.no_grad():
        activation.log_frequency.fill_(-20.0)
        x = torch.sin(torch.arange(200) * 0.2)[None, None]
        torch.testing.assert_close(activation(x)[:, :, 20:-20], x[:, :, 20:-20], atol=2e-3, rtol=0)

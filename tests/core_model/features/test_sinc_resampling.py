"""The windowed-sinc resampler against the sum that defines it, and against torchaudio's where that imports."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_model.features.sinc_resampling import sinc_resample

RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000]


def slow_resample(waveform: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """The published sum, sample by sample, with times in seconds."""
    cutoff = 0.99 * min(from_rate, to_rate)  # zero crossings a second
    out = np.zeros(math.ceil(len(waveform) * to_rate / from_rate))
    for m in range(len(out)):
        crossings = (np.arange(len(waveform)) / from_rate - m / to_rate) * cutoff
        window = np.where(np.abs(crossings) < 6, np.cos(crossings * np.pi / 12) ** 2, 0.0)
        out[m] = np.sum(waveform * np.sinc(crossings) * window) * cutoff / from_rate
    return out


@pytest.mark.parametrize(("from_rate", "to_rate"), [(a, b) for a in RATES for b in (16_000, 32_000) if a != b])
def test_the_sum(from_rate: int, to_rate: int) -> None:
    waveform = np.random.default_rng(1).standard_normal(301).astype(np.float32)
    found = sinc_resample(waveform, from_rate, to_rate)
    np.testing.assert_allclose(found, slow_resample(waveform, from_rate, to_rate), atol=2e-4)  # see _kernel: float32


@pytest.mark.parametrize("from_rate", RATES)
def test_torchaudio(from_rate: int) -> None:
    try:
        import torch
        from torchaudio.transforms import Resample
    except (ImportError, OSError) as error:
        pytest.skip(f"torchaudio cannot be imported here: {error}")
    waveform = np.random.default_rng(2).standard_normal(20_011).astype(np.float32)
    theirs = Resample(from_rate, 32_000)(torch.from_numpy(waveform)[None])[0].numpy()
    np.testing.assert_allclose(sinc_resample(waveform, from_rate, 32_000), theirs, atol=2e-6)


@given(st.integers(0, 2000), st.sampled_from(RATES), st.sampled_from(RATES))
def test_length(length: int, from_rate: int, to_rate: int) -> None:
    found = sinc_resample(np.ones(length, np.float32), from_rate, to_rate)
    assert found.shape == (math.ceil(length * to_rate / from_rate),)
    assert found.dtype == np.float32


def test_a_tone_stays_what_it_is() -> None:
    time_s = np.arange(44_100) / 44_100
    found = sinc_resample(np.sin(2 * np.pi * 440 * time_s).astype(np.float32), 44_100, 32_000)
    expected = np.sin(2 * np.pi * 440 * np.arange(32_000) / 32_000)
    np.testing.assert_allclose(found[100:-100], expected[100:-100], atol=2e-3)


def test_what_lies_above_the_new_band_is_gone() -> None:
    time_s = np.arange(48_000) / 48_000
    found = sinc_resample(np.sin(2 * np.pi * 14_000 * time_s).astype(np.float32), 48_000, 16_000)
    assert np.abs(found[100:-100]).max() < 1e-3


def test_the_same_rate_changes_nothing() -> None:
    waveform = np.arange(5, dtype=np.float32)
    assert np.array_equal(sinc_resample(waveform, 16_000, 16_000), waveform)


def test_blocks_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    waveform = np.random.default_rng(3).standard_normal(5_000).astype(np.float32)
    whole = sinc_resample(waveform, 44_100, 32_000)
    monkeypatch.setattr("core_model.features.sinc_resampling._BLOCK_FRAMES", 3)
    np.testing.assert_allclose(sinc_resample(waveform, 44_100, 32_000), whole, atol=1e-6)

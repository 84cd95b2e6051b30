"""Kaldi's filterbank against the slow obvious computation, frame by frame and triangle by triangle."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core_model.errors import AudioError
from core_model.features.kaldi_filterbank import kaldi_filterbank


def slow_filterbank(waveform: np.ndarray) -> np.ndarray:
    def mel(hz: float) -> float:
        return 1127.0 * math.log(1.0 + hz / 700.0)

    low, high = mel(20.0), mel(8000.0)
    step = (high - low) / 81
    window = [(0.5 - 0.5 * math.cos(2 * math.pi * n / 399)) ** 0.85 for n in range(400)]
    rows = []
    for start in range(0, len(waveform) - 399, 160):
        frame = waveform[start : start + 400].astype(np.float64)
        frame = frame - frame.mean()
        emphasised = [frame[n] - 0.97 * frame[max(0, n - 1)] for n in range(400)]
        power = np.abs(np.fft.rfft(np.multiply(emphasised, window), 512)) ** 2
        row = []
        for band in range(80):
            left, centre, right = (low + (band + k) * step for k in range(3))
            energy = 0.0
            for bin_ in range(256):
                at = mel(bin_ * 16000 / 512)
                if left < at < right:
                    energy += power[bin_] * ((at - left) / step if at <= centre else (right - at) / step)
            row.append(math.log(max(energy, 1.1920929e-07)))
        rows.append(row)
    return np.array(rows)


def test_the_slow_computation() -> None:
    waveform = (0.1 * np.random.default_rng(1).standard_normal(1_100)).astype(np.float32)
    found = kaldi_filterbank(waveform)
    assert found.shape == (5, 80)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, slow_filterbank(waveform), atol=1e-4)


def test_silence_is_the_floor() -> None:
    np.testing.assert_allclose(kaldi_filterbank(np.zeros(400, np.float32)), math.log(1.1920929e-07), rtol=1e-6)


def test_less_than_a_window_is_refused() -> None:
    with pytest.raises(AudioError, match="399 samples are too few"):
        kaldi_filterbank(np.zeros(399, np.float32))

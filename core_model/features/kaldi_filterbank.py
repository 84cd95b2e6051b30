"""Kaldi's log mel filterbank, with the settings under which upstream's speaker vectors were trained.

Knows 16 kHz waveforms in ±1 and nothing of networks. Reference: Kaldi, feature-fbank.cc and mel-computations.cc; here
as torchaudio.compliance.kaldi.fbank has it with 80 bins, no dither and no mean taken away (INFERENCE.md 1c).

    25 ms every 10 ms, whole ones only ─ mean off ─ x(n) − 0.97 x(n−1) ─ Povey's window ─ |FFT 512|² ─ triangles ─ log

N samples, F = 1 + (N − 400) // 160 frames. Triangles are straight lines in mels (1127 ln(1 + Hz / 700)) from 20 Hz to
8 kHz, the bin at 8 kHz itself left out.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from core_model.errors import AudioError

SAMPLE_RATE = 16_000
BINS = 80
_WINDOW, _HOP, _FFT = 400, 160, 512
_LOW_HZ, _HIGH_HZ = 20.0, 8_000.0
_MELS_PER_NEPER = 1127.0
_PREEMPHASIS = 0.97
_FLOOR = float(np.finfo(np.float32).eps)


def kaldi_filterbank(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,) at 16 kHz to (F, 80). AudioError if it is shorter than one window."""
    if len(waveform) < _WINDOW:
        raise AudioError(f"{len(waveform)} samples are too few for a filterbank: {_WINDOW} are the least")
    frames = np.lib.stride_tricks.sliding_window_view(waveform.astype(np.float64), _WINDOW)[::_HOP]  # (F, 400)
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)  # the first sample follows itself
    spectrum = np.fft.rfft((frames - _PREEMPHASIS * before) * _povey_window(), _FFT, axis=1)
    power = spectrum.real**2 + spectrum.imag**2  # (F, 257)
    return np.log(np.maximum(power @ _triangles().T, _FLOOR)).astype(np.float32)


# Window and triangles are constants that upstream has in float32, rounding and all. With these the speaker vector of a
# recorded waveform is 7.6e-5 from the recorded one, with exact ones 1.3e-4, of values up to 38. Sums are in float64.


def _povey_window() -> NDArray[np.float32]:
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(_WINDOW) / (_WINDOW - 1))
    return (hann.astype(np.float32) ** np.float32(0.85)).astype(np.float32)


@functools.cache
def _triangles() -> NDArray[np.float32]:
    """(80, 257)."""
    low, high = _MELS_PER_NEPER * np.log1p(np.array([_LOW_HZ, _HIGH_HZ]) / 700.0)
    step = np.float32((high - low) / (BINS + 1))
    edges = np.float32(low) + np.arange(BINS + 2, dtype=np.float32) * step
    hz = np.arange(_FFT // 2 + 1, dtype=np.float32) * np.float32(SAMPLE_RATE / _FFT)
    bins = np.float32(_MELS_PER_NEPER) * np.log(np.float32(1.0) + hz / np.float32(700.0))
    lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - lower) / (centre - lower), (upper - bins) / (upper - centre)
    triangles = np.maximum(np.float32(0.0), np.minimum(rising, falling))
    triangles[:, -1] = 0.0
    return np.asarray(triangles, np.float32)

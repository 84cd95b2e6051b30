"""The nano family's view of a waveform: a log-mel spectrogram at the rate of its latents.

Knows the numbers of the embedded base (16 kHz, 80 bins, 50 frames a second) and nothing of networks. Upstream's
families look at linear spectrograms; a network as small as the nano learns sooner from 80 even, centred numbers.
"""

from __future__ import annotations

import functools

import numpy as np

from core_model.features import audio

SAMPLE_RATE = 16_000
HOP = 320
FFT = 1024
MEL_BINS = 80
_CENTRE, _SPREAD = -5.0, 2.5  # of log mel over speech at a peak of 0.7: measured, then rounded


@functools.cache
def _filterbank() -> np.ndarray:
    return audio.mel_filterbank(SAMPLE_RATE, FFT, MEL_BINS)


def acoustic_mel(waveform: np.ndarray) -> np.ndarray:
    """A 16 kHz waveform (N,) to centred log mel (80, N // 320), float32."""
    log_mel = audio.log_mel(audio.linear_spectrogram(waveform, FFT, HOP), _filterbank())
    return np.asarray((log_mel - _CENTRE) / _SPREAD, dtype=np.float32)


def level(waveform: np.ndarray) -> np.ndarray:
    """*waveform* as loud as the base was trained at: its loud parts (99.5th percentile) at 0.4, never over 1."""
    loud = float(np.percentile(np.abs(waveform), 99.5))
    gain = min(0.4 / max(loud, 1e-4), 0.99 / max(float(np.abs(waveform).max()), 1e-4))
    return np.asarray(waveform * gain, dtype=np.float32)

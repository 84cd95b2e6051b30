"""Where a long recording may be cut without cutting a word: at its quietest places.

Knows waveforms, no words. N samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEP_S = 0.02
_WINDOW_STEPS = 10  # loudness is that of 0.2 s: shorter silences are closures of stops, not pauses


def pieces(waveform: NDArray[np.float32], sample_rate: int, longest_s: float) -> tuple[NDArray[np.float32], ...]:
    """(N,) cut into pieces of at most *longest_s*, each cut where it is quietest in the second half of what fits.

    Joined, the pieces are the waveform again. One piece if all fits.
    """
    longest, step = round(longest_s * sample_rate), round(_STEP_S * sample_rate)
    found = []
    while len(waveform) > longest:
        start = longest // 2
        at = start + step * _quietest_step(waveform[start:longest], step)
        found.append(waveform[:at])
        waveform = waveform[at:]
    return (*found, waveform)


def _quietest_step(waveform: NDArray[np.float32], step: int) -> int:
    """The step at the middle of the quietest 0.2 s."""
    count = len(waveform) // step
    energy = np.square(waveform[: count * step].astype(np.float64)).reshape(count, step).sum(axis=1)
    window = min(_WINDOW_STEPS, count)
    return int(np.convolve(energy, np.ones(window), mode="valid").argmin()) + window // 2

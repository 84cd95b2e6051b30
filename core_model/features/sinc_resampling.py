"""Resampling by a windowed sinc: the filter through which upstream hears a reference recording.

Knows waveforms and rates, no files. Everything else here resamples by soxr; a style that must equal upstream's needs
upstream's filter, which is torchaudio.functional.resample's with its defaults. Reference: J. O. Smith, "Digital Audio
Resampling" (ccrma.stanford.edu/~jos/resample): an output sample is a sum of the inputs round it, weighted by a sinc at
0.99 of the lower band edge, under a squared cosine that ends at the sixth zero crossing.

    y(m / to) = sum over n of x(n / from) · h(n / from − m / to),   rates as the smallest whole numbers of their ratio

N samples in, M = ⌈N · to / from⌉ samples out, before the first and behind the last are zeros.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

_ZERO_CROSSINGS = 6
_ROLLOFF = 0.99
_BLOCK_FRAMES = 16384  # of the matrix product: an hour of sound never becomes one matrix


def sinc_resample(waveform: NDArray[np.float32], from_rate: int, to_rate: int) -> NDArray[np.float32]:
    """(N,) at *from_rate* Hz to (M,) at *to_rate* Hz."""
    if from_rate == to_rate:
        return np.asarray(waveform, np.float32)
    divisor = math.gcd(from_rate, to_rate)
    step, phases = from_rate // divisor, to_rate // divisor
    kernel, before = _kernel(step, phases)  # (phases, taps)
    length = math.ceil(len(waveform) * phases / step)
    padded = np.pad(np.asarray(waveform, np.float32), (before, before + step))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[1])[::step]  # (frames, taps)
    blocks = [windows[start : start + _BLOCK_FRAMES] @ kernel.T for start in range(0, len(windows), _BLOCK_FRAMES)]
    resampled: NDArray[np.float32] = np.concatenate(blocks).reshape(-1)[:length]
    return resampled


@functools.lru_cache(maxsize=8)
def _kernel(step: int, phases: int) -> tuple[NDArray[np.float32], int]:
    """Weights (phases, taps) for *phases* outputs out of each *step* inputs, and how many inputs lie before the first.

    Both are whole numbers without a common divisor: 44.1 to 32 kHz are 441 and 320.
    """
    edge = min(step, phases) * _ROLLOFF
    before = math.ceil(_ZERO_CROSSINGS * step / edge)
    inputs = np.arange(-before, before + step, dtype=np.float64) / step  # times of the inputs,
    outputs = np.arange(phases, dtype=np.float32)[:, None] / np.float32(phases)  # and of the outputs, in periods
    # torchaudio rounds the latter, and only these, to float32: at 44.1 kHz it moves a sample by 1e-4.
    crossings = np.clip((inputs - outputs) * edge, -_ZERO_CROSSINGS, _ZERO_CROSSINGS)
    window = np.cos(crossings * np.pi / (2 * _ZERO_CROSSINGS)) ** 2
    return (np.sinc(crossings) * window * (edge / step)).astype(np.float32), before

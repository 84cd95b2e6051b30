"""Fundamental frequency of a waveform, frame by frame, with a verdict on whether there is one.

Knows nothing of speakers or of what the pitch is for; refuses to guess where the signal does not repeat: such a frame
is unvoiced and has 0 Hz.
Reference: YIN, de Cheveigné & Kawahara 2002 (steps 1 to 5), many frames at once by FFT, then a running median.

    waveform (N,) ─16 kHz─▶ segments (F, window + longest lag) ─▶ d'(lag) (F, lags) ─▶ first dip ─▶ f0_hz (F,)

F = N // hop frames; frame f is centred on sample (f + ½) · hop, as in `core_model.features.audio.linear_spectrogram`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core_model.features.audio import resample

LOWEST_HZ = 50.0
HIGHEST_HZ = 500.0
_RATE = 16000  # Hz at which pitch is looked for: finer lags than this are left to the parabola
_WINDOW = 400  # samples compared with their shifted copy: 25 ms; with the longest lag a frame looks at 45 ms
_LONGEST_LAG = int(_RATE / LOWEST_HZ) + 2  # one on either side of the range, for the parabola
_SHORTEST_LAG = int(_RATE / HIGHEST_HZ) - 1
_FFT = 1024  # ≥ _WINDOW + _LONGEST_LAG, so that no product wraps round
_BLOCK = 512  # frames per block: 8 MiB of spectrum, whatever the length of the recording
_TYPICAL_LAG = 107  # samples, 150 Hz: what is compared then lies evenly round the frame's centre
# The first dip that comes so near the deepest is the period. YIN's fixed threshold of 0.1 to 0.15 takes half the period
# where a vowel's resonances lie on even harmonics.
_AS_DEEP = 0.05
_VOICED = 0.30  # a frame whose best dip stays above this does not repeat
_QUIET = 0.01  # frames 40 dB under the loud ones are unvoiced, whatever they repeat
_SILENT = 1e-5  # rms under which there is nothing to repeat


@dataclass(frozen=True, slots=True)
class Pitch:
    """One value per frame."""

    f0_hz: NDArray[np.float32] = field(repr=False)  # (F,) 0 where unvoiced
    voiced: NDArray[np.bool_] = field(repr=False)  # (F,)
    aperiodicity: NDArray[np.float32] = field(repr=False)  # (F,) 0: repeats exactly; about 1: does not repeat


def track(waveform: NDArray[np.float32], sample_rate: int, hop: int, smoothing: int = 5) -> Pitch:
    """Follow the pitch of *waveform* (N,), one frame every *hop* samples, between 50 and 500 Hz.

    *smoothing* is the width in frames (odd; 1 for none) of the running median over voiced frames. N // hop frames.
    """
    frames = len(waveform) // hop
    if not frames:
        return Pitch(np.zeros(0, np.float32), np.zeros(0, np.bool_), np.zeros(0, np.float32))
    segments = _segments(resample(waveform, sample_rate, _RATE), (np.arange(frames) + 0.5) * hop * _RATE / sample_rate)
    periods, aperiodicity, rms = (np.concatenate(parts) for parts in zip(*map(_periods, segments), strict=True))
    loud = rms > max(_SILENT, _QUIET * float(np.percentile(rms, 95)))
    f0_hz = _RATE / periods
    voiced = (aperiodicity < _VOICED) & loud & (f0_hz >= LOWEST_HZ * 0.99) & (f0_hz <= HIGHEST_HZ * 1.01)
    voiced = _without_islands(voiced)
    f0_hz = running_median(np.where(voiced, np.clip(f0_hz, LOWEST_HZ, HIGHEST_HZ), 0.0), voiced, smoothing)
    return Pitch(f0_hz.astype(np.float32), voiced, aperiodicity.astype(np.float32))


def continuous(f0_hz: NDArray[np.float32], otherwise_hz: float) -> NDArray[np.float32]:
    """Pitch (F,) that is 0 where unvoiced -> above 0 everywhere: straight lines in log Hz from one voiced frame to the
    next, flat at the ends; *otherwise_hz* where nothing is voiced."""
    voiced = np.flatnonzero(f0_hz)
    if not voiced.size:
        return np.full(len(f0_hz), otherwise_hz, np.float32)
    line = np.interp(np.arange(len(f0_hz)), voiced, np.log(f0_hz[voiced].astype(np.float64)))
    return np.exp(line).astype(np.float32)


def running_median(values: NDArray[np.float64], valid: NDArray[np.bool_], width: int) -> NDArray[np.float64]:
    """Median of the valid values within *width* frames of each valid frame; 0 at the others. (F,), (F,) → (F,)"""
    half = width // 2
    padded = np.pad(np.where(valid, values, np.inf), half, constant_values=np.inf)
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)  # valid ones first
    counts = np.isfinite(windows).sum(axis=1)
    low = np.take_along_axis(windows, np.maximum(counts - 1, 0)[:, None] // 2, axis=1)[:, 0]
    high = np.take_along_axis(windows, (counts // 2)[:, None].clip(max=2 * half), axis=1)[:, 0]
    return np.where(valid, 0.5 * (low + np.where(counts % 2 == 0, high, low)), 0.0)


def _segments(waveform: NDArray[np.float32], centres: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Cut (blocks of) the window + longest lag samples round each centre, zeros beyond the ends: [(≤ _BLOCK, W + L)]"""
    length = _WINDOW + _LONGEST_LAG
    centred = waveform.astype(np.float64) - waveform.mean(dtype=np.float64)  # else an offset ends in a step
    padded = np.pad(centred, length)
    starts = np.rint(centres).astype(np.int64) - (_WINDOW + _TYPICAL_LAG) // 2 + length
    views = np.lib.stride_tricks.sliding_window_view(padded, length)
    starts = starts.clip(max=len(views) - 1)
    return [views[starts[first : first + _BLOCK]] for first in range(0, len(starts), _BLOCK)]


def _periods(
    segments: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """YIN on each row: (period in samples, aperiodicity, rms), each (F,)."""
    segments = segments - segments.mean(axis=1, keepdims=True)
    difference = _difference(segments)  # (F, L + 1)
    lags = np.arange(1, difference.shape[1])
    running = np.cumsum(difference[:, 1:], axis=1)
    normalised = np.ones_like(difference)
    normalised[:, 1:] = difference[:, 1:] * lags / np.maximum(running, 1e-12)
    best = _first_dip(normalised)
    aperiodicity = np.take_along_axis(normalised, best[:, None], axis=1)[:, 0]
    rms = np.sqrt(np.mean(segments**2, axis=1))
    aperiodicity = np.where(rms > _SILENT, aperiodicity, 1.0)
    return best + _parabola(difference, best), aperiodicity, rms


def _difference(segments: NDArray[np.float64]) -> NDArray[np.float64]:
    """d(lag) = Σ_j (x_j − x_{j+lag})², j over the window, as energies minus a correlation: (F, W + L) → (F, L + 1)."""
    spectrum = np.fft.rfft(segments, _FFT, axis=1)
    head = np.fft.rfft(segments[:, :_WINDOW], _FFT, axis=1)
    correlation = np.fft.irfft(spectrum * np.conj(head), _FFT, axis=1)[:, : _LONGEST_LAG + 1]
    energy = np.cumsum(np.pad(segments**2, ((0, 0), (1, 0))), axis=1)
    shifted = energy[:, _WINDOW : _WINDOW + _LONGEST_LAG + 1] - energy[:, : _LONGEST_LAG + 1]
    return np.maximum(shifted[:, :1] + shifted - 2.0 * correlation, 0.0)


def _first_dip(normalised: NDArray[np.float64]) -> NDArray[np.int64]:
    """The first minimum about as deep as the deepest (later ones are sub-octaves): (F, L + 1) → (F,)."""
    at = normalised[:, _SHORTEST_LAG:_LONGEST_LAG]
    before, after = normalised[:, _SHORTEST_LAG - 1 : _LONGEST_LAG - 1], normalised[:, _SHORTEST_LAG + 1 :]
    dips = (at <= before) & (at < after) & (at <= at.min(axis=1, keepdims=True) + _AS_DEEP)
    first: NDArray[np.int64] = np.where(dips.any(axis=1), dips.argmax(axis=1), at.argmin(axis=1)) + _SHORTEST_LAG
    return first


def _parabola(difference: NDArray[np.float64], best: NDArray[np.int64]) -> NDArray[np.float64]:
    """Where, within ±½ of the best lag, the parabola through it and its neighbours is lowest: (F,)."""
    before, at, after = (np.take_along_axis(difference, (best + step)[:, None], axis=1)[:, 0] for step in (-1, 0, 1))
    curvature = before - 2.0 * at + after
    offset = 0.5 * (before - after) / np.where(curvature > 0.0, curvature, np.inf)
    return offset.clip(-0.5, 0.5)


def _without_islands(voiced: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop voiced frames that have no voiced neighbour: a single frame is chance."""
    padded = np.pad(voiced, 1)
    return voiced & (padded[:-2] | padded[2:])

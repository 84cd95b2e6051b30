"""Who is speaking, told from a waveform by plain arithmetic: a short vector of statistics, and a distance between two.

Knows nothing of voices, files or networks, and downloads no speaker model: it must still run, and give the same
answer, when every model hub is gone. It tells voices apart that differ in timbre or pitch; it is no biometric and
proves nothing about a person. What is said matters little once ten seconds are there (see the constants below).

    waveform (N,) -> 16 kHz -> frames of 25 ms every 10 ms -> voiced frames only
        20 mel cepstra        mean, spread     0..19, 20..39      vocal tract; the 0th is loudness and left out
        16 bands              mean level       40..55             long-term average spectrum, dB around its mean
        log2 of F0            median, spread   56, 57             octaves, by autocorrelation

MFCC: Davis and Mermelstein 1980. Distance: each statistic in units of how far it wanders within one speaker.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import soxr

from core_model.errors import AudioError

Floats = npt.NDArray[np.float64]

SAMPLE_RATE = 16_000
_FRAME, _HOP, _FFT = 400, 160, 512  # 25 ms, 10 ms
_MELS, _CEPSTRA, _BANDS = 40, 20, 16
_LOWEST_F0_HZ, _HIGHEST_F0_HZ = 60.0, 400.0
_LEAST_VOICED_FRAMES = 30  # 0.3 s: below that a mean says more about the words than about the voice
LENGTH = 2 * _CEPSTRA + _BANDS + 2
_LIMIT = 12.0  # one statistic far out of range must not drown the other fifty-seven

# How far each statistic wanders between ten-second pieces of one speaker: root mean square over 17 engine voices, by
# tests/core_model/features/measure_within_speaker.py (2026-11-21). With these, pieces of one voice are 1.4 apart (95 %
# below 2.0), and pieces of two voices 7.9 (least 3.9). Engines intone alike in every sentence and people do not, so the
# two of F0 (measured: 0.016 and 0.021) are set by judgement, from a semitone of wandering.
# fmt: off
WITHIN_SPEAKER = np.array([
    0.453, 0.267, 0.739, 0.495, 0.401, 0.497, 0.385, 0.261, 0.166, 0.151, 0.210, 0.149, 0.135, 0.142, 0.135, 0.113,
    0.132, 0.107, 0.112, 0.122, 0.244, 0.260, 0.316, 0.319, 0.217, 0.239, 0.129, 0.115, 0.098, 0.125, 0.111, 0.096,
    0.075, 0.081, 0.075, 0.072, 0.070, 0.076, 0.058, 0.068, 0.537, 0.599, 0.641, 0.605, 0.944, 1.209, 0.966, 0.696,
    0.895, 0.816, 0.662, 0.906, 1.152, 0.915, 1.736, 1.474, 0.080, 0.080,
])
# fmt: on


@dataclass(frozen=True, slots=True, eq=False)
class _Frames:
    """One row per frame."""

    power: Floats = field(repr=False)  # (frames, _FFT/2+1)
    f0: Floats = field(repr=False)  # (frames,) Hz; 0 where unvoiced
    level: Floats = field(repr=False)  # (frames,) dB


def speaker_statistics(waveform: npt.NDArray[np.float32], sample_rate: int) -> npt.NDArray[np.float32]:
    """(N,) samples in -1..1 to (58,) statistics. AudioError if there is under 0.3 s of voiced speech in it."""
    frames = _analyse(_at_16_khz(waveform, sample_rate))
    # Random weights, whispers and noise have no pitch: then every loud frame counts, and pitch is written as 0.
    loud = frames.level > frames.level.max() - 40.0 if frames.level.size else np.zeros(0, dtype=bool)
    voiced = loud & (frames.f0 > 0)
    kept = voiced if voiced.sum() >= _LEAST_VOICED_FRAMES else loud
    if kept.sum() < _LEAST_VOICED_FRAMES or not np.isfinite(frames.level.max()):
        raise AudioError("too little speech in it to tell who speaks")
    cepstra = _cepstra(frames.power[kept])
    bands = 10.0 * np.log10(frames.power[kept].mean(axis=0) @ _band_matrix() + 1e-10)
    pitch = np.log2(frames.f0[voiced]) if voiced.sum() >= _LEAST_VOICED_FRAMES else np.zeros(1)
    spread = np.subtract(*np.percentile(pitch, [75, 25]))
    parts = (cepstra.mean(axis=0), cepstra.std(axis=0), bands - bands.mean(), [np.median(pitch), spread])
    return np.concatenate(parts).astype(np.float32)


def distance(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """How far two statistics are apart: root mean square over the statistics, 1.0 = as far as one speaker wanders."""
    difference = (np.asarray(one, np.float64) - np.asarray(other, np.float64)) / WITHIN_SPEAKER
    return float(np.sqrt(np.mean(np.clip(difference, -_LIMIT, _LIMIT) ** 2)))


def _at_16_khz(waveform: npt.NDArray[np.float32], sample_rate: int) -> Floats:
    if waveform.ndim != 1 or not np.isfinite(waveform).all():
        raise AudioError("not one channel of finite samples")
    if sample_rate == SAMPLE_RATE:
        return waveform.astype(np.float64)
    return np.asarray(soxr.resample(waveform.astype(np.float64), sample_rate, SAMPLE_RATE))


def _analyse(waveform: Floats) -> _Frames:
    if waveform.size < _FRAME:
        return _Frames(np.zeros((0, _FFT // 2 + 1)), np.zeros(0), np.zeros(0))
    rows = np.lib.stride_tricks.sliding_window_view(waveform, _FRAME)[::_HOP]
    power = np.abs(np.fft.rfft(rows * np.hanning(_FRAME), _FFT)) ** 2
    level = 10.0 * np.log10(power.sum(axis=1) + 1e-10)
    return _Frames(power, _fundamental(waveform, len(rows)), level)


def _fundamental(waveform: Floats, count: int) -> Floats:
    """F0 of each frame in Hz; 0 where the normalised autocorrelation has no clear peak (Boersma 1993)."""
    window = 800  # 50 ms: three periods of the lowest voice
    padded = np.pad(waveform, (window // 4, window))
    rows = np.lib.stride_tricks.sliding_window_view(padded, window)[::_HOP][:count]
    rows = rows - rows.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(rows * np.hanning(window), 2048)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:, :window]
    taper = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(window), 2048)) ** 2)[:window]
    correlation = correlation / (correlation[:, :1] + 1e-9) / (taper / taper[0] + 1e-9)
    shortest, longest = int(SAMPLE_RATE / _HIGHEST_F0_HZ), int(SAMPLE_RATE / _LOWEST_F0_HZ)
    section = correlation[:, shortest : longest + 1]
    peak = section.max(axis=1)
    # The first lag that is nearly as good as the best one: an octave below, the correlation is just as high.
    lag = shortest + np.argmax(section >= 0.9 * peak[:, None], axis=1)
    for _ in range(8):  # climb from where the slope crosses the 0.9 line to the top of that hill
        better = correlation[np.arange(count), np.minimum(lag + 1, longest)] > correlation[np.arange(count), lag]
        lag = np.where(better, np.minimum(lag + 1, longest), lag)
    return np.where((peak > 0.5) & (lag > shortest), SAMPLE_RATE / lag, 0.0)


def _triangles(edges_hz: Floats) -> Floats:
    """Overlapping triangular bands between neighbouring edges: (bins, len(edges)-2)."""
    bins = np.linspace(0.0, SAMPLE_RATE / 2, _FFT // 2 + 1)[:, None]
    low, middle, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    return np.maximum(0.0, np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)))


def _mel_edges(count: int) -> Floats:
    top = 2595.0 * np.log10(1.0 + 7600.0 / 700.0)
    return 700.0 * (10.0 ** (np.linspace(25.0, top, count) / 2595.0) - 1.0)


def _band_matrix() -> Floats:
    return _triangles(_mel_edges(_BANDS + 2))


def _cepstra(power: Floats) -> Floats:
    """(frames, bins) to (frames, 20): cosine transform of log mel energies, without the 0th."""
    log_mel = np.log(power @ _triangles(_mel_edges(_MELS + 2)) + 1e-10)
    order, mel = np.arange(1, _CEPSTRA + 1)[:, None], np.arange(_MELS)
    cosines: Floats = np.cos(np.pi * order * (mel + 0.5) / _MELS) * np.sqrt(2.0 / _MELS)
    cepstra: Floats = log_mel @ cosines.T
    return cepstra

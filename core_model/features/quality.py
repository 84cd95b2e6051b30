"""Is a recording good enough to learn a voice from: how loud it is, how noisy, how much of it is clipped.

Knows nothing of files, transcripts or limits, nor of torch; says figures and leaves the verdict to the caller.

The noise is read off the recording's own quiet moments, band by band: under a vowel the upper bands are quiet, under an
s the lower ones, so that speech without a pause can be judged too. There must be some, though: one held vowel looks
noisy. With only the quietest twentieth taken, steady noise comes out about 1 dB (white) to 2 dB (rumbling) too low.
N samples, C channels, F frames of 32 ms that overlap by half.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from core_model.errors import AudioError

_FRAME_S = 0.032
_BANDS_HZ = (60.0, 500.0, 1500.0, 3500.0, np.inf)  # what lies under 60 Hz is no voice and is left out of both sides
_QUIET_SHARE = 0.05  # the share of the frames, in each band, that is taken for a quiet moment
_LOUD_PERCENTILE = 98.0  # frames above it are cut down to it: a slammed door is no speech
_GATED = 1e-10  # mean square; quieter frames were emptied by a machine and say nothing about the room
_FULL_SCALE = 0.99  # 8-bit files end at 127 / 128
_FLAT = 2.0**-12  # how level the top of a run must be where a file was clipped first and turned down afterwards
_RUN = 3  # so many samples in a row at the same extreme: a lone one is a peak
_AUDIBLE = 0.1  # peaks under this are never called clipped


def level_db(waveform: NDArray[np.float32], sample_rate: int) -> float:
    """Root mean square of the loud frames (95th percentile), in dB of full scale (0 … −120). (N,)"""
    power = float(np.percentile(_band_power(waveform, sample_rate).sum(axis=1), 95.0))
    return 10.0 * float(np.log10(max(power, 1e-12)))


def signal_to_noise_db(waveform: NDArray[np.float32], sample_rate: int) -> float:
    """Mean power of the speech over that of the noise, in dB, from −30 (also for silence) to 100. (N,)

    AudioError if the waveform is shorter than one frame.
    """
    bands = _band_power(waveform, sample_rate)
    bands = bands[bands.sum(axis=1) > _GATED]
    if not len(bands):
        return -30.0
    whole = bands.sum(axis=1)
    quiet = np.sort(bands, axis=0)[: max(1, round(_QUIET_SHARE * len(bands)))]
    noise = max(float(quiet.mean(axis=0).sum()), _GATED)
    heard = float(np.minimum(whole, np.percentile(whole, _LOUD_PERCENTILE)).mean())
    return 10.0 * float(np.log10(max(heard - noise, 1e-3 * noise) / noise))


def clipped_share(channels: NDArray[np.float32]) -> float:
    """Share of the samples, in the worst channel, that lie at an extreme in runs of three or more. (N, C) → 0 … 1

    An extreme is full scale (within 1 %), or, in a file that stays below it, the channel's own highest or lowest value,
    met exactly: a waveform that was clipped and then turned down.
    """
    return max(_at_the_top(channel) + _at_the_top(-channel) for channel in channels.T)


def _at_the_top(channel: NDArray[np.float32]) -> float:
    peak = float(channel.max())
    if peak < _AUDIBLE:
        return 0.0
    at_extreme = channel >= (_FULL_SCALE if peak >= _FULL_SCALE else peak * (1.0 - _FLAT))
    edges = np.flatnonzero(np.diff(np.pad(at_extreme.astype(np.int8), 1)))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= _RUN].sum()) / len(channel)


def _band_power(waveform: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Mean square of each frame in each band: (N,) → (F, 4). AudioError if there is no frame."""
    length = round(_FRAME_S * sample_rate)
    if len(waveform) < length:
        raise AudioError(f"{len(waveform)} samples at {sample_rate} Hz are too few to tell speech from noise")
    window = np.hanning(length)
    frames = np.lib.stride_tricks.sliding_window_view(waveform, length)[:: length // 2]  # (F, length)
    spectrum = np.fft.rfft(frames * window, axis=1)
    power = 2.0 * (spectrum.real**2 + spectrum.imag**2) / (length * np.sum(window**2))  # Parseval, per sample
    edges = np.searchsorted(np.fft.rfftfreq(length, 1.0 / sample_rate), _BANDS_HZ)
    return np.stack([power[:, low:high].sum(axis=1) for low, high in itertools.pairwise(edges)], axis=1)

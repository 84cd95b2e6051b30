"""Sound files to waveforms, waveforms to spectrograms: what every network here hears.

Knows nothing of text, of voices or of what the numbers are for, nor of torch; refuses a file that it cannot read or
that holds no sound. References: the linear spectrogram is upstream's (INFERENCE.md 1b); the mel scale is Slaney's
(Auditory Toolbox, 1998), as in librosa.

    file ─load─▶ (N,) float32, mono ─resample─▶ (N',) ─linear_spectrogram─▶ (bins, frames) ─log_mel─▶ (bands, frames)

N samples, C channels, bins = fft // 2 + 1, frames = N // hop. Frame f looks at the samples round (f + ½) · hop.

    linear = linear_spectrogram(load(path, sample_rate=16000).waveform, fft=640, hop=160)
    mel = log_mel(linear, mel_filterbank(16000, fft=640, bands=80))
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from core_model.errors import AudioError

SUFFIXES = (".flac", ".mp3", ".ogg", ".wav")
_SLANEY_HZ_PER_MEL = 200.0 / 3.0  # below 1 kHz the scale is linear
_SLANEY_KNEE_HZ = 1000.0
_SLANEY_KNEE_MEL = _SLANEY_KNEE_HZ / _SLANEY_HZ_PER_MEL
_SLANEY_LOG_STEP = np.log(6.4) / 27.0  # above it, 27 mels lead from 1 kHz to 6.4 kHz

_CUT = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)  # libsndfile reads such a wav without complaint
_STREAMED = 0x7FFF0000  # programs that write into a pipe announce this much or more: they could not know
_ENCODER_DELAY_S = 0.1  # an mp3's header may miscount by the frames that its encoder put before and after


@dataclass(frozen=True, slots=True)
class Audio:
    """A mono waveform and its rate. Full scale is ±1; files of floats may exceed it and are left as they are."""

    waveform: NDArray[np.float32] = field(repr=False)  # (N,)
    sample_rate: int  # Hz

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.waveform) / self.sample_rate


def file_duration_s(path: Path) -> float:
    """Length in seconds that the header of *path* announces; nothing is decoded. AudioError if it cannot be read."""
    with _opened(path) as file:
        return float(file.frames / file.samplerate)


def load_channels(path: Path) -> tuple[NDArray[np.float32], int]:
    """Read every channel of *path*: (N, C) float32 in ±1, and the sample rate in Hz.

    AudioError if the file cannot be read, is cut short, is empty, or holds samples that are not numbers.
    """
    with _opened(path) as file:
        sample_rate: int = file.samplerate
        channels: NDArray[np.float32] = file.read(dtype="float32", always_2d=True)
        missing = file.frames - len(channels) > _ENCODER_DELAY_S * sample_rate
        damaged = missing or any(
            int(there) + 8 < int(said) < _STREAMED for said, there in _CUT.findall(file.extra_info)
        )
    if damaged:
        raise AudioError(f"{path.name} is cut short: its header announces more than it holds")
    if not channels.size:
        raise AudioError(f"{path.name} holds no samples")
    if not np.isfinite(channels).all():
        raise AudioError(f"{path.name} holds samples that are not numbers")
    return channels, sample_rate


def load(path: Path, sample_rate: int | None = None) -> Audio:
    """Read *path* (wav, flac, ogg, mp3; any rate, any channel count) as the mean of its channels.

    Resampled to *sample_rate* in Hz if one is given, else at its own rate. AudioError as for
    `load_channels`.
    """
    channels, native_rate = load_channels(path)
    waveform = channels.mean(axis=1, dtype=np.float32)
    if sample_rate is None:
        return Audio(waveform, native_rate)
    return Audio(resample(waveform, native_rate, sample_rate), sample_rate)


def resample(waveform: NDArray[np.float32], from_rate: int, to_rate: int) -> NDArray[np.float32]:
    """(N,) at *from_rate* Hz → (≈ N · to_rate / from_rate,) at *to_rate* Hz, by soxr's HQ filter."""
    if from_rate == to_rate:
        return waveform
    waveform = waveform.astype(np.float32, copy=False)
    resampled: NDArray[np.float32] = soxr.resample(waveform, from_rate, to_rate, quality="HQ")
    return resampled


def linear_spectrogram(waveform: NDArray[np.float32], fft: int, hop: int, epsilon: float = 1e-8) -> NDArray[np.float32]:
    """Magnitudes of *waveform* (N,) → (fft // 2 + 1, N // hop), linear, with upstream's padding and floor.

    √(re² + im² + epsilon) under a periodic Hann window of *fft* samples, (fft − hop) / 2 samples mirrored at each end.
    Upstream's exported graphs use 1e-6 for *epsilon*, its training 1e-8. AudioError if it is too short to mirror.
    """
    padding = (fft - hop) // 2
    if len(waveform) <= padding or len(waveform) < hop:
        raise AudioError(f"{len(waveform)} samples are too few for a spectrogram with a window of {fft}")
    padded = np.pad(waveform.astype(np.float64), padding, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(fft) / fft)
    frames = np.lib.stride_tricks.sliding_window_view(padded, fft)[::hop]  # (frames, fft)
    # float64 throughout: NumPy 1 and 2 disagree on the precision of a float32 FFT, and an archived voice outlives both.
    spectrum = np.fft.rfft(frames * window, axis=1)
    return np.sqrt(spectrum.real**2 + spectrum.imag**2 + epsilon).T.astype(np.float32, order="C")


def mel_filterbank(
    sample_rate: int, fft: int, bands: int, low_hz: float = 0.0, high_hz: float | None = None
) -> NDArray[np.float32]:
    """Slaney's triangles, each of unit area in Hz: (bands, fft // 2 + 1). *high_hz*: half the rate unless given."""
    high_hz = sample_rate / 2.0 if high_hz is None else high_hz
    edges_hz = _mel_to_hz(np.linspace(_hz_to_mel(low_hz), _hz_to_mel(high_hz), bands + 2))  # (bands + 2,)
    bins_hz = np.fft.rfftfreq(fft, 1.0 / sample_rate)  # (bins,)
    lower, centre, upper = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising = (bins_hz - lower) / (centre - lower)
    falling = (upper - bins_hz) / (upper - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (upper - lower))).astype(np.float32)


def log_mel(linear: NDArray[np.float32], filterbank: NDArray[np.float32], floor: float = 1e-5) -> NDArray[np.float32]:
    """Natural logarithm of the mel magnitudes, at least log(*floor*): (bins, F), (bands, bins) → (bands, F)."""
    mel: NDArray[np.float32] = np.log(np.maximum(filterbank @ linear, np.float32(floor)))
    return mel


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    if path.exists() and not path.is_file():  # a pipe would be waited for, perhaps for ever
        raise AudioError(f"{path.name} is no file")
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:  # as bytes: a file's name need not be UTF-8
            yield file
    except (soundfile.SoundFileError, OSError, TypeError) as error:  # TypeError: soundfile's answer to *.raw
        raise AudioError(f"{path.name} cannot be read as audio") from error


def _hz_to_mel(hz: float) -> float:
    if hz < _SLANEY_KNEE_HZ:
        return hz / _SLANEY_HZ_PER_MEL
    return _SLANEY_KNEE_MEL + float(np.log(hz / _SLANEY_KNEE_HZ)) / float(_SLANEY_LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = mel * _SLANEY_HZ_PER_MEL
    logarithmic = _SLANEY_KNEE_HZ * np.exp(_SLANEY_LOG_STEP * (mel - _SLANEY_KNEE_MEL))
    return np.where(mel < _SLANEY_KNEE_MEL, linear, logarithmic)

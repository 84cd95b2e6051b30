"""A reference recording as upstream hears it: at 16 kHz for its tokens, at 32 kHz for its style, as it is for its mel.

Knows files and waveforms, nothing of networks, and needs no torch. The first goes through another resampler (soxr, as
librosa.load has it) than the others (windowed sinc, as torchaudio has it), because upstream does so. Reference:
INFERENCE.md §1a-c, §6.
N samples.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_model.errors import AudioError, ReferenceLengthError
from core_model.features import audio
from core_model.features.sinc_resampling import sinc_resample

TOKEN_RATE = 16_000  # Hz
SHORTEST, LONGEST = 48_000, 160_000  # samples at that rate: 3 to 10 s
SILENCE = 9_600  # zeros behind a reference: 0.3 s at 32 kHz, which upstream appends at 16 kHz, where it is 0.6 s
LONGEST_S = 54.0  # of what a style is taken from: nothing longer was learnt from, and memory grows with its square
_LOUDEST = 2.0  # louder than this is not the peak of a recording but a mistake, and stays one


def for_tokens(path: Path) -> NDArray[np.float32]:
    """*path* at 16 kHz with its silence behind it: what HuBERT hears. AudioError; ReferenceLengthError."""
    announced_s = audio.file_duration_s(path)
    if announced_s > 2 * LONGEST / TOKEN_RATE:  # of a recording of hours nothing is decoded
        raise ReferenceLengthError(path.name, announced_s)
    waveform = at_token_rate(path)
    if not SHORTEST <= len(waveform) <= LONGEST:
        raise ReferenceLengthError(path.name, len(waveform) / TOKEN_RATE)
    return np.concatenate([waveform, np.zeros(SILENCE, np.float32)])


def at_token_rate(path: Path) -> NDArray[np.float32]:
    """*path* at 16 kHz, of any length, as librosa.load gives it: ⌈N · 16 kHz / rate⌉ samples. AudioError."""
    found = audio.load(path)
    waveform = audio.resample(found.waveform, found.sample_rate, TOKEN_RATE)
    length = math.ceil(len(found.waveform) * TOKEN_RATE / found.sample_rate)
    return np.pad(waveform[:length], (0, max(0, length - len(waveform))))


def for_style(path: Path, sample_rate: int) -> NDArray[np.float32]:
    """*path* at *sample_rate* Hz, scaled down where it exceeds ±1: what a spectrogram is made of. AudioError."""
    waveform = for_mel(path, sample_rate)
    peak = float(np.abs(waveform).max(initial=0.0))
    return waveform / np.float32(min(_LOUDEST, peak)) if peak > 1.0 else waveform


def for_mel(path: Path, sample_rate: int) -> NDArray[np.float32]:
    """*path* at *sample_rate* Hz, however loud. AudioError, also if it is longer than a voice ever learnt from."""
    announced_s = audio.file_duration_s(path)
    if announced_s > LONGEST_S:
        raise AudioError(f"{path.name} lasts {announced_s:.0f} s; a style is taken from {LONGEST_S:.0f} s at most")
    found = audio.load(path)
    return sinc_resample(found.waveform, found.sample_rate, sample_rate)

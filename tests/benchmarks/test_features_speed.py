"""Seconds of work for a minute of speech: loading, pitch, spectrogram with mel, and the whole survey of the examples.

Compared, never gated. One core: NumPy's FFT and soxr use no threads.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core_model.features.audio import linear_spectrogram, load, log_mel, mel_filterbank, resample
from core_model.features.pitch import track
from core_model.features.quality import signal_to_noise_db
from lifecycle.recording import survey

pytestmark = pytest.mark.bench

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def minute() -> NDArray[np.float32]:
    return np.concatenate([load(path).waveform for path in sorted(EXAMPLES.glob("*.flac"))])[: 60 * 16000]


@pytest.mark.benchmark(group="features, a minute")
def test_pitch(benchmark, minute: NDArray[np.float32]) -> None:
    assert benchmark(track, minute, 16000, 160).voiced.any()


@pytest.mark.benchmark(group="features, a minute")
def test_spectrogram_and_mel(benchmark, minute: NDArray[np.float32]) -> None:
    filterbank = mel_filterbank(16000, 640, 80)
    assert benchmark(lambda: log_mel(linear_spectrogram(minute, 640, 160), filterbank)).shape == (80, 6000)


@pytest.mark.benchmark(group="features, a minute")
def test_resample_to_48_khz(benchmark, minute: NDArray[np.float32]) -> None:
    assert len(benchmark(resample, minute, 16000, 48000)) == 180 * 16000


@pytest.mark.benchmark(group="features, a minute")
def test_signal_to_noise(benchmark, minute: NDArray[np.float32]) -> None:
    assert benchmark(signal_to_noise_db, minute, 16000) > 20.0


@pytest.mark.benchmark(group="features, a minute")
def test_survey_of_the_examples(benchmark) -> None:
    assert len(benchmark(lambda: survey(EXAMPLES, front_end_languages=("en",))).used) == 18

"""Speaker statistics against signals whose answer is known, and on the examples' one speaker, raised and lowered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from core_model.errors import AudioError
from core_model.features.speaker_statistics import LENGTH, WITHIN_SPEAKER, distance, speaker_statistics
from core_model.voice import Floats

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples").glob("*.flac"))
F0_MEDIAN, F0_SPREAD = 56, 57


def pulses(f0_hz: float | Floats, seconds: float = 1.0, sample_rate: int = 16_000) -> Floats:
    """A voice of nothing but pitch: a pulse train through a broad resonance."""
    phase = np.cumsum(np.broadcast_to(f0_hz, int(seconds * sample_rate)) / sample_rate)
    train = np.diff(np.floor(phase), prepend=0.0)
    time = np.arange(200) / sample_rate
    return np.convolve(train, np.exp(-400 * time) * np.sin(2 * np.pi * 700 * time))[: train.size].astype(np.float32)


@pytest.fixture(scope="module")
def halves() -> tuple[Floats, Floats]:
    """Every other sentence of the examples: the same speaker, other words."""
    spoken = [soundfile.read(path, dtype="float32")[0] for path in EXAMPLES]
    return np.concatenate(spoken[0::2]), np.concatenate(spoken[1::2])


@pytest.mark.parametrize("f0_hz", [75.0, 110.0, 173.0, 220.0, 350.0])
def test_pitch_is_found(f0_hz: float) -> None:
    found = speaker_statistics(pulses(f0_hz), 16_000)
    assert found.shape == (LENGTH,) == WITHIN_SPEAKER.shape
    assert 2 ** float(found[F0_MEDIAN]) == pytest.approx(f0_hz, rel=0.02)
    assert found[F0_SPREAD] == pytest.approx(0, abs=0.02)


def test_pitch_that_moves_has_a_spread() -> None:
    glide = 100 * 2 ** np.linspace(0, 1, 32_000)
    found = speaker_statistics(pulses(glide, 2.0), 16_000)
    assert float(found[F0_MEDIAN]) == pytest.approx(np.log2(141.4), abs=0.05)
    assert float(found[F0_SPREAD]) == pytest.approx(0.5, abs=0.05)  # the middle half of an octave


def test_loudness_does_not_matter(halves: tuple[Floats, Floats]) -> None:
    assert distance(speaker_statistics(halves[0], 16_000), speaker_statistics(halves[0] * 0.1, 16_000)) < 0.05


def test_the_sample_rate_hardly_matters(halves: tuple[Floats, Floats]) -> None:
    louder = np.asarray(soxr.resample(halves[0], 16_000, 32_000), np.float32)
    assert distance(speaker_statistics(halves[0], 16_000), speaker_statistics(louder, 32_000)) < 1.0


def test_pauses_do_not_matter(halves: tuple[Floats, Floats]) -> None:
    silence = np.zeros(8000, np.float32)
    spread_out = np.concatenate([piece for part in np.array_split(halves[0], 10) for piece in (part, silence)])
    assert distance(speaker_statistics(halves[0], 16_000), speaker_statistics(spread_out, 16_000)) < 0.5


def test_a_speaker_is_nearer_to_itself_than_to_anyone_changed(halves: tuple[Floats, Floats]) -> None:
    """One person in other words, against the same words from another throat, or through a telephone."""
    own = distance(*(speaker_statistics(half, 16_000) for half in halves))
    reference = speaker_statistics(halves[0], 16_000)
    raised = np.asarray(soxr.resample(halves[0], 16_000 * 1.12, 16_000), np.float32)
    lowered = np.asarray(soxr.resample(halves[0], 16_000 / 1.12, 16_000), np.float32)
    telephone = np.asarray(soxr.resample(soxr.resample(halves[0], 16_000, 7_000), 7_000, 16_000), np.float32)
    others = [distance(reference, speaker_statistics(other, 16_000)) for other in (raised, lowered, telephone)]
    assert own < 2.0
    assert min(others) > 1.5 * own


def test_distance_is_one_where_every_statistic_wanders_as_within_a_speaker() -> None:
    reference = np.zeros(LENGTH)
    assert distance(reference, WITHIN_SPEAKER) == pytest.approx(1.0)
    assert distance(reference, reference) == 0
    one_wild = np.zeros(LENGTH)
    one_wild[3] = 1e9
    assert distance(reference, one_wild) < 2  # one statistic must not drown all others


@pytest.mark.parametrize(
    "waveform",
    [
        np.zeros(0, np.float32),
        np.zeros(100, np.float32),
        pulses(120.0, 0.2),
        np.full(16_000, np.nan, np.float32),
        np.zeros((2, 16_000), np.float32),
    ],
    ids=["nothing", "a moment", "too short", "no numbers", "two channels"],
)
def test_too_little_to_tell_is_refused(waveform: Floats) -> None:
    with pytest.raises(AudioError):
        speaker_statistics(waveform, 16_000)


def test_speech_without_pitch_has_statistics_too() -> None:
    noise = np.random.Generator(np.random.Philox(key=1)).standard_normal(16_000).astype(np.float32) * 0.1
    found = speaker_statistics(noise, 16_000)
    assert np.isfinite(found).all() and found[F0_MEDIAN] == 0

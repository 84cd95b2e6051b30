"""Pitch of signals whose pitch is known: tones, sweeps, stacks of harmonics, vowels, noise, silence."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core_model.features.audio import load
from core_model.features.pitch import Pitch, continuous, running_median, track

RATE = 16000
HOP = 160
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def seconds(duration: float, rate: int = RATE) -> NDArray[np.float64]:
    return np.arange(int(duration * rate)) / rate


def stack(f0_hz: NDArray[np.float64], rate: int, first: int = 1) -> NDArray[np.float32]:
    """Harmonics from *first* up to half the rate, falling off as 1/k, along a pitch given per sample."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / rate
    last = int(rate / 2 / f0_hz.max())
    return (0.2 * sum(np.sin(k * phase) / k for k in range(first, last))).astype(np.float32)


def formants(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vowel of "father": resonances at 700, 1100 and 2500 Hz."""
    frequency = np.fft.rfftfreq(len(waveform), 1 / RATE)
    gain = sum(1.0 / (1.0 + ((frequency - centre) / 60.0) ** 2) for centre in (700.0, 1100.0, 2500.0))
    return np.fft.irfft(np.fft.rfft(waveform) * gain, len(waveform)).astype(np.float32)


def off(pitch: Pitch, truth: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """By how much each voiced frame misses, as a ratio minus one."""
    expected = np.broadcast_to(truth, pitch.f0_hz.shape)[pitch.voiced]
    return np.abs(pitch.f0_hz[pitch.voiced] / expected - 1.0)


@pytest.mark.parametrize("hz", [50.0, 61.7, 80.0, 120.3, 200.0, 233.7, 400.0, 499.0])
@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_tones(hz: float, rate: int) -> None:
    pitch = track((0.3 * np.sin(2 * np.pi * hz * seconds(1.0, rate))).astype(np.float32), rate, rate // 100)
    assert len(pitch.f0_hz) == 100
    assert pitch.voiced[3:-3].all()
    assert off(pitch, hz)[3:-3].max() < 0.002


@pytest.mark.parametrize("hz", [70.0, 110.0, 180.0, 260.0, 380.0])
@pytest.mark.parametrize("make", [lambda w: w, formants], ids=["plain", "vowel"])
def test_harmonic_stacks_are_heard_an_octave_neither_up_nor_down(hz: float, make: object) -> None:
    waveform = make(stack(np.full(RATE, hz), RATE))  # type: ignore[operator]
    pitch = track(waveform, RATE, HOP)
    assert pitch.voiced[3:-3].all()
    assert off(pitch, hz)[3:-3].max() < 0.005


def test_a_missing_fundamental_is_heard_all_the_same() -> None:
    pitch = track(stack(np.full(RATE, 140.0), RATE, first=2), RATE, HOP)
    assert pitch.voiced[3:-3].all()
    assert off(pitch, 140.0).max() < 0.005


def test_sweeps_are_followed() -> None:
    f0_hz = 80.0 * 2.0 ** (2.0 * seconds(2.0) / 2.0)  # two octaves in two seconds: faster than speech
    pitch = track(stack(f0_hz, RATE), RATE, HOP)
    truth = f0_hz[np.arange(200) * HOP + HOP // 2]
    assert pitch.voiced[3:-3].all()
    assert np.median(off(pitch, truth)) < 0.003
    assert off(pitch, truth)[3:-3].max() < 0.03


def test_noise_and_silence_are_unvoiced() -> None:
    noise = np.random.default_rng(0).normal(0.0, 0.1, 5 * RATE).astype(np.float32)
    assert track(noise, RATE, HOP).voiced.mean() < 0.01
    for quiet in (np.zeros(RATE, np.float32), np.full(RATE, 0.3, np.float32)):
        pitch = track(quiet, RATE, HOP)
        assert not pitch.voiced.any()
        assert (pitch.f0_hz == 0.0).all()
        assert np.isfinite(pitch.aperiodicity).all()


@pytest.mark.parametrize(("snr_db", "most_missed", "most_wrong"), [(30, 0.0, 0.0), (20, 0.0, 0.0), (10, 0.1, 0.01)])
def test_voices_are_found_in_noise(snr_db: int, most_missed: float, most_wrong: float) -> None:
    waveform = stack(np.full(4 * RATE, 150.0), RATE)
    noise = np.random.default_rng(1).normal(size=len(waveform)) * np.sqrt(np.mean(waveform**2) / 10 ** (snr_db / 10))
    pitch = track((waveform + noise).astype(np.float32), RATE, HOP)
    assert 1.0 - pitch.voiced[3:-3].mean() <= most_missed
    assert (off(pitch, 150.0) > 0.05).mean() <= most_wrong


def test_voiced_and_unvoiced_are_told_apart_where_they_meet() -> None:
    half = RATE // 2
    noise = np.random.default_rng(2).normal(0.0, 0.05, half).astype(np.float32)
    pitch = track(np.concatenate([noise, stack(np.full(half, 120.0), RATE), np.zeros(half, np.float32)]), RATE, HOP)
    truth = (np.arange(150) >= 50) & (np.arange(150) < 100)
    assert (pitch.voiced != truth).sum() <= 6  # a frame looks at 45 ms, so the borders blur by two frames each
    assert not pitch.voiced[:47].any()
    assert pitch.voiced[53:97].all()
    assert not pitch.voiced[103:].any()


def test_a_quiet_hum_beside_speech_is_not_voice() -> None:
    hum = 0.0005 * np.sin(2 * np.pi * 100.0 * seconds(1.0))
    speech = stack(np.full(RATE, 180.0), RATE)
    pitch = track(np.concatenate([hum.astype(np.float32), speech]), RATE, HOP)
    assert not pitch.voiced[:97].any()
    assert pitch.voiced[103:-3].all()


def test_loudness_does_not_matter() -> None:
    waveform = formants(stack(np.full(RATE, 130.0), RATE))
    loud, quiet = track(waveform, RATE, HOP), track(waveform * 0.01, RATE, HOP)
    assert np.array_equal(loud.voiced, quiet.voiced)
    assert np.allclose(loud.f0_hz, quiet.f0_hz, rtol=1e-3)


@pytest.mark.parametrize("hop", [80, 160, 320, 333, 640])
@pytest.mark.parametrize("samples", [0, 79, 640, 16001])
def test_frames_are_those_of_the_spectrogram(hop: int, samples: int) -> None:
    pitch = track(stack(np.full(samples, 120.0), RATE) if samples else np.zeros(0, np.float32), RATE, hop)
    assert len(pitch.f0_hz) == len(pitch.voiced) == len(pitch.aperiodicity) == samples // hop


def test_long_recordings_are_cut_into_blocks_without_a_seam() -> None:
    waveform = stack(np.full(12 * RATE, 150.0), RATE)
    whole, part = track(waveform, RATE, HOP), track(waveform[: 6 * RATE], RATE, HOP)
    assert np.allclose(whole.f0_hz[:590], part.f0_hz[:590])


def test_running_median_equals_the_slow_one() -> None:
    rng = np.random.default_rng(3)
    for width in (1, 3, 5, 9):
        values, valid = rng.uniform(50, 500, 60), rng.uniform(size=60) < 0.6
        ours = running_median(values, valid, width)
        for at in range(60):
            near = slice(max(0, at - width // 2), at + width // 2 + 1)
            expected = np.median(values[near][valid[near]]) if valid[at] else 0.0
            assert ours[at] == expected


@given(st.lists(st.one_of(st.just(0.0), st.floats(50, 500)), max_size=40), st.floats(60, 300))
def test_a_continuous_pitch_keeps_what_is_voiced_and_bridges_the_rest(hertz: list[float], otherwise: float) -> None:
    f0_hz = np.array(hertz, np.float32)
    line = continuous(f0_hz, otherwise)
    assert line.shape == f0_hz.shape
    assert line.dtype == np.float32
    voiced = np.flatnonzero(f0_hz)
    if not voiced.size:
        assert (line == np.float32(otherwise)).all()
        return
    np.testing.assert_allclose(line[voiced], f0_hz[voiced], rtol=1e-6)
    np.testing.assert_allclose(line[: voiced[0]], f0_hz[voiced[0]], rtol=1e-6)
    np.testing.assert_allclose(line[voiced[-1] :], f0_hz[voiced[-1]], rtol=1e-6)
    for first, last in pairwise(voiced):
        ratios = np.diff(np.log(line[first : last + 1].astype(np.float64)))  # equal steps of pitch, not of Hz
        np.testing.assert_allclose(ratios, np.log(float(f0_hz[last]) / float(f0_hz[first])) / (last - first), atol=1e-6)


def test_an_octave_is_crossed_at_its_geometric_middle() -> None:
    line = continuous(np.array([0, 100, 0, 200, 0], np.float32), 150.0)
    np.testing.assert_allclose(line, [100, 100, 141.42136, 200, 200], rtol=1e-6)


def test_speech_of_the_examples_is_that_of_one_woman() -> None:
    """flite's slt speaks round 170 Hz and is voiced two thirds of the time; octave errors would show at once."""
    audio = load(EXAMPLES / "01.flac")
    pitch = track(audio.waveform, audio.sample_rate, HOP)
    voiced = pitch.f0_hz[pitch.voiced]
    assert 0.5 < pitch.voiced.mean() < 0.85
    assert 150 < np.median(voiced) < 190
    assert ((voiced > 110) & (voiced < 260)).mean() > 0.97


def test_it_is_at_least_fifty_times_faster_than_speech() -> None:
    waveform = stack(np.full(10 * RATE, 150.0), RATE)
    fastest = min(_seconds_for(waveform) for _ in range(3))
    assert 10.0 / fastest > 50.0


def _seconds_for(waveform: NDArray[np.float32]) -> float:
    started = time.process_time()  # not the wall clock: the machine may be busy with something else
    track(waveform, RATE, HOP)
    return time.process_time() - started

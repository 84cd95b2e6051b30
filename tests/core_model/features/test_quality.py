"""Noise mixed in at a known level is found again; clipping is told from loudness; the figures that limits rest on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core_model.errors import AudioError
from core_model.features.audio import load, resample
from core_model.features.quality import clipped_share, level_db, signal_to_noise_db

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples").glob("*.flac"))
LEVELS_DB = (10, 15, 20, 25, 30, 35, 40)


def speech(index: int = 0, rate: int = 16000) -> NDArray[np.float32]:
    return load(EXAMPLES[index], rate).waveform


def without_pauses(index: int) -> NDArray[np.float32]:
    """Cut tightly, as many data sets are: no silence before the first sound or after the last."""
    return speech(index)[int(0.25 * 16000) : -int(0.3 * 16000)]


def noise(samples: int, colour: str, rate: int = 16000) -> NDArray[np.float64]:
    """Power 1, above 60 Hz: white, pink (falls by 3 dB an octave, as in rooms), or mains hum with its harmonics."""
    frequency = np.fft.rfftfreq(samples, 1 / rate)
    spectrum = np.fft.rfft(np.random.default_rng(samples).normal(size=samples))
    if colour == "pink":
        spectrum /= np.sqrt(np.maximum(frequency, 60.0))
    spectrum[frequency < 60.0] = 0.0
    if colour == "hum":
        made = sum(np.sin(2 * np.pi * 100.0 * k * np.arange(samples) / rate) / k for k in range(1, 6))
    else:
        made = np.fft.irfft(spectrum, samples)
    return np.asarray(made / np.sqrt(np.mean(made**2)))


def mixed(clean: NDArray[np.float32], snr_db: float, colour: str, rate: int = 16000) -> NDArray[np.float32]:
    scale = np.sqrt(np.mean(clean.astype(np.float64) ** 2) / 10 ** (snr_db / 10))
    return (clean + scale * noise(len(clean), colour, rate)).astype(np.float32)


@pytest.mark.parametrize(("colour", "low", "high"), [("white", -1.0, 2.5), ("pink", -1.0, 5.0), ("hum", -1.0, 3.0)])
@pytest.mark.parametrize("index", [0, 5, 11, 17])
def test_known_noise_is_found_again(index: int, colour: str, low: float, high: float) -> None:
    found = [signal_to_noise_db(mixed(speech(index), level, colour), 16000) for level in LEVELS_DB]
    assert found == sorted(found)
    errors = np.array(found) - LEVELS_DB
    assert errors.min() > low
    assert errors.max() < high


@pytest.mark.parametrize("index", range(0, 18, 3))
def test_speech_that_was_cut_tightly_is_judged_fairly_at_the_limit(index: int) -> None:
    clean = without_pauses(index)
    found = [signal_to_noise_db(mixed(clean, level, "white"), 16000) for level in LEVELS_DB]
    assert found == sorted(found)
    assert np.abs(np.array(found) - LEVELS_DB)[:5].max() < 2.5
    assert signal_to_noise_db(clean, 16000) > 30.0


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_the_rate_of_the_file_matters_little(rate: int) -> None:
    clean = resample(speech(3), 16000, rate)
    for level in (12, 20, 28):
        assert abs(signal_to_noise_db(mixed(clean, level, "white", rate), rate) - level) < 3.0


def test_clean_speech_is_far_from_the_limit() -> None:
    assert min(signal_to_noise_db(speech(index), 16000) for index in range(18)) > 40.0


def test_neither_offset_loudness_nor_rumble_is_noise() -> None:
    clean = speech(2)
    plain = signal_to_noise_db(clean, 16000)
    rumble = 0.05 * np.sin(2 * np.pi * 20.0 * np.arange(len(clean)) / 16000)
    assert signal_to_noise_db(clean * 0.1, 16000) == pytest.approx(plain, abs=0.1)
    assert signal_to_noise_db(clean + np.float32(0.2), 16000) == pytest.approx(plain, abs=1.0)
    assert signal_to_noise_db((clean + rumble).astype(np.float32), 16000) > 25.0


def test_a_noise_gate_hides_no_noise() -> None:
    noisy = mixed(speech(4), 12, "white")
    gated = noisy.copy()
    gated[:4000] = 0.0
    gated[-4000:] = 0.0
    assert signal_to_noise_db(gated, 16000) == pytest.approx(12.0, abs=3.0)


def test_a_slammed_door_is_not_speech() -> None:
    noisy = mixed(speech(6), 10, "white")
    noisy[20000:20300] = 1.0 * np.sign(np.random.default_rng(1).normal(size=300))
    assert signal_to_noise_db(noisy, 16000) < 13.0


def test_noise_alone_has_no_signal() -> None:
    assert signal_to_noise_db(noise(32000, "white").astype(np.float32) * 0.1, 16000) < 5.0
    assert signal_to_noise_db(np.zeros(16000, np.float32), 16000) == -30.0


def test_level_is_in_db_of_full_scale() -> None:
    sine = np.sin(2 * np.pi * 440.0 * np.arange(16000) / 16000).astype(np.float32)
    assert level_db(sine, 16000) == pytest.approx(-3.0, abs=0.1)
    assert level_db(sine * 0.01, 16000) == pytest.approx(-43.0, abs=0.1)
    assert level_db(np.zeros(16000, np.float32), 16000) == -120.0


@pytest.mark.parametrize("measure", [level_db, signal_to_noise_db])
def test_less_than_a_frame_is_refused(measure: object) -> None:
    with pytest.raises(AudioError, match="too few"):
        measure(np.zeros(100, np.float32), 16000)  # type: ignore[operator]


def clipped(waveform: NDArray[np.float32], gain: float) -> float:
    loud = np.clip(waveform / np.abs(waveform).max() * gain, -1.0, 1.0)
    return clipped_share(loud[:, None])


@pytest.mark.parametrize("rate", [16000, 48000])
@pytest.mark.parametrize("index", [0, 7, 13])
def test_the_louder_it_was_cut_off_the_larger_the_share(index: int, rate: int) -> None:
    waveform = speech(index, rate)
    shares = [clipped(waveform, gain) for gain in (1.0, 1.2, 1.5, 2.0, 4.0)]
    assert shares == sorted(shares)
    assert shares[0] < 0.0002  # turned up to full scale, but whole: a fifth of lifecycle's limit at most
    assert shares[2] > 0.005  # by 3.5 dB too loud: five times the limit at least
    assert shares[4] > 0.1


def test_clipped_first_and_turned_down_afterwards_is_still_clipped() -> None:
    cut = np.clip(speech() * 3.0, -1.0, 1.0) * 0.3
    assert clipped_share(cut[:, None]) > 0.005


def test_eight_bits_mp3_and_one_bad_channel_of_two() -> None:
    cut = np.clip(speech() * 3.0, -1.0, 1.0)
    eight_bit = (np.rint(cut * 127) / 128).astype(np.float32)
    assert clipped_share(eight_bit[:, None]) > 0.005
    wavy = cut + np.random.default_rng(0).normal(0.0, 0.002, len(cut)).astype(np.float32)  # as a codec leaves it
    assert clipped_share(wavy[:, None]) > 0.005
    assert clipped_share(np.stack([speech(), cut], axis=1)) == clipped_share(cut[:, None])


def test_share_counts_runs_of_three() -> None:
    waveform = np.zeros((1000, 1), np.float32)
    waveform[100:102] = 1.0  # two in a row are a peak
    assert clipped_share(waveform) == 0.0
    waveform[200:205] = 1.0
    waveform[300:303] = -1.0
    assert clipped_share(waveform) == pytest.approx(0.008)
    assert clipped_share(np.zeros((1000, 2), np.float32)) == 0.0

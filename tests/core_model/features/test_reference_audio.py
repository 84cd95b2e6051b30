"""A reference as upstream loads it: two resamplers, a silence, a peak rule, and lengths that are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from core_model.errors import AudioError, ReferenceLengthError
from core_model.features import reference_audio
from core_model.features.sinc_resampling import sinc_resample


def write(path: Path, samples: np.ndarray, rate: int) -> Path:
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


def noise(seconds: float, rate: int, scale: float = 0.1) -> np.ndarray:
    return (scale * np.random.default_rng(1).standard_normal((round(seconds * rate), 2))).astype(np.float32)


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
def test_tokens_hear_sixteen_kilohertz_and_a_silence(tmp_path: Path, rate: int) -> None:
    samples = noise(4.0001, rate)
    found = reference_audio.for_tokens(write(tmp_path / "a.wav", samples, rate))
    length = -(-len(samples) * 16_000 // rate)
    assert len(found) == length + 9_600
    assert not found[length:].any()
    expected = soxr.resample(samples.mean(axis=1), rate, 16_000, "HQ")
    np.testing.assert_allclose(found[: len(expected)][:length], expected[:length], atol=1e-7)


@pytest.mark.parametrize(
    ("samples", "fits"), [(47_999, False), (48_000, True), (160_000, True), (160_001, False), (16_000 * 30, False)]
)
def test_three_to_ten_seconds(tmp_path: Path, samples: int, fits: bool) -> None:
    path = write(tmp_path / "a.wav", noise(samples / 16_000, 16_000), 16_000)
    if fits:
        assert len(reference_audio.for_tokens(path)) == samples + 9_600
    else:
        with pytest.raises(ReferenceLengthError, match="a reference lasts 3 to 10 s"):
            reference_audio.for_tokens(path)


@pytest.mark.parametrize(("peak", "divisor"), [(0.5, 1.0), (1.0, 1.0), (1.6, 1.6), (5.0, 2.0)])
def test_a_peak_above_full_scale_is_turned_down_by_half_at_most(tmp_path: Path, peak: float, divisor: float) -> None:
    samples = noise(1.0, 32_000)
    samples *= np.float32(peak / np.abs(samples.mean(axis=1)).max())
    found = reference_audio.for_style(write(tmp_path / "a.wav", samples, 32_000), 32_000)
    np.testing.assert_allclose(found, samples.mean(axis=1) / divisor, atol=2e-6)


def test_a_mel_hears_it_as_loud_as_it_is(tmp_path: Path) -> None:
    samples = noise(0.5, 44_100, scale=2.0)
    found = reference_audio.for_mel(write(tmp_path / "a.wav", samples, 44_100), 24_000)
    np.testing.assert_allclose(found, sinc_resample(samples.mean(axis=1), 44_100, 24_000), atol=1e-6)


def test_nothing_longer_than_was_ever_learnt_from(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.zeros((8_000 * 55, 1), np.float32), 8_000)
    with pytest.raises(AudioError, match=r"a\.wav lasts 55 s; a style is taken from 54 s at most"):
        reference_audio.for_style(path, 32_000)


def test_no_sound(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("words")
    for load in (reference_audio.for_tokens, reference_audio.at_token_rate):
        with pytest.raises(AudioError):
            load(tmp_path / "a.wav")

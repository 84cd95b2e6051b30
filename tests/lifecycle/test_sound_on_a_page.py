"""Sound as data: URIs: what a browser decodes is what was put in, and two pictures of one scale can be compared."""

from __future__ import annotations

import base64
import io
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from lifecycle.sound_on_a_page import BANDS, Scale, audible, wav

RATE = 16_000


def tone(hz: float, seconds: float = 0.5, loud: float = 0.5) -> np.ndarray:
    return (loud * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def decoded(uri: str, kind: str) -> bytes:
    head, _, data = uri.partition(",")
    assert head == f"data:{kind};base64"
    return base64.b64decode(data, validate=True)


def shades(scale: Scale, waveform: np.ndarray) -> np.ndarray:
    """The opacity of each pixel, (BANDS, columns), the lowest band first."""
    return imread(io.BytesIO(decoded(scale.picture(waveform), "image/png")))[::-1, :, 3]


def test_the_wav_holds_the_samples() -> None:
    waveform = tone(440)
    with wave.open(io.BytesIO(decoded(wav(waveform, RATE), "audio/wav"))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    np.testing.assert_allclose(samples / 32767, waveform, atol=0.5 / 32767)


@given(st.lists(st.floats(width=32, allow_nan=True), min_size=1, max_size=50))
def test_whatever_the_numbers_are_there_is_a_wav_and_a_picture(numbers: list[float]) -> None:
    waveform = np.array(numbers, np.float32)
    assert np.abs(audible(waveform)).max() <= 1
    assert decoded(wav(waveform, RATE), "audio/wav")[:4] == b"RIFF"
    assert shades(Scale.of(waveform, (), RATE), waveform).shape[0] == BANDS


@pytest.mark.parametrize("rate", [4000, 16_000, 24_000, 32_000, 48_000, 192_000])
def test_any_rate_a_browser_plays_gets_a_picture_no_wider_than_a_page(rate: int) -> None:
    waveform = np.zeros(10 * rate, np.float32)
    waveform[rate] = 1
    drawn = shades(Scale.of(waveform, (), rate), waveform)
    assert drawn.shape[0] == BANDS and 300 < drawn.shape[1] <= 800


@pytest.mark.parametrize("hz", [500, 1000, 2000, 4000])
def test_a_tone_lies_where_its_tick_is(hz: int) -> None:
    scale = Scale.of(tone(hz), (), RATE)
    tick = next(t for t in scale.ticks if t.told in (f"{hz} Hz", f"{hz // 1000} kHz"))
    level = imread(io.BytesIO(decoded(scale.picture(tone(hz)), "image/png")))[::-1].astype(float)
    darkest = level[:, level.shape[1] // 2, :3].sum(axis=1) - 3 * level[:, level.shape[1] // 2, 3]
    assert abs((int(darkest.argmin()) + 0.5) / BANDS - tick.height) < 2 / BANDS


def test_pictures_of_one_scale_share_length_and_loudness() -> None:
    loud, quiet = tone(1000), tone(1000, seconds=0.25, loud=0.005)
    scale = Scale.of(loud, (quiet,), RATE)
    drawn, faint = shades(scale, loud), shades(scale, quiet)
    assert drawn.shape == faint.shape
    assert faint.max() < drawn.max()  # 40 dB less is fainter, not scaled up again
    assert not faint[:, -faint.shape[1] // 4 :].any()  # and what is not there is nothing


def test_silence_is_empty_and_not_noise() -> None:
    silence = np.zeros(RATE, np.float32)
    assert not shades(Scale.of(silence, (), RATE), silence).any()

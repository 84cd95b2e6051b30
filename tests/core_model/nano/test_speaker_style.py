"""A recording's style depends on that recording alone, and the public frame takes styles apart and together again."""

from __future__ import annotations

import numpy as np
import pytest

from core_model.nano.speaker_style import Frame, recording_style
from core_model.synthesis import load_sovits
from core_model.voice import Voice


@pytest.fixture(scope="module")
def network(tiny_voice: Voice):  # type: ignore[no-untyped-def]
    return load_sovits(tiny_voice).eval()


def sound(seconds: float, key: int) -> np.ndarray:
    rng = np.random.Generator(np.random.Philox(key=key))
    return np.asarray(0.1 * rng.standard_normal(round(16_000 * seconds)), dtype=np.float32)


def test_the_same_recording_has_the_same_style_however_loud(network) -> None:  # type: ignore[no-untyped-def]
    first = recording_style(network, sound(2.0, 1))
    assert first.shape == (1, 16, 1)
    np.testing.assert_allclose(recording_style(network, 0.5 * sound(2.0, 1)), first, rtol=1e-3, atol=1e-4)
    assert not np.allclose(recording_style(network, sound(2.0, 2)), first, rtol=1e-3)


def test_a_long_recording_is_heard_in_pieces(network) -> None:  # type: ignore[no-untyped-def]
    long = sound(13.0, 3)  # 6.4 + 6.4 + 0.2 s: the last is too short to say anything
    assert np.isfinite(recording_style(network, long)).all()
    np.testing.assert_array_equal(recording_style(network, long), recording_style(network, long.copy()))


def test_the_frame_goes_both_ways() -> None:
    stock = np.random.Generator(np.random.Philox(key=1)).standard_normal((5, 8, 1)).astype(np.float32)
    frame = Frame.of(stock)
    offsets = frame.offset(stock)
    assert np.linalg.norm(offsets, axis=1).mean() == pytest.approx(frame.radius)
    assert abs(offsets.sum()) < 1e-5
    direction = offsets[0] / np.linalg.norm(offsets[0])
    back = frame.offset(frame.style(direction))[0]
    np.testing.assert_allclose(back, frame.radius * direction, atol=1e-5)

"""The reference mel: frame counts, scale, and silence."""

from __future__ import annotations

import numpy as np
import pytest

from core_model.errors import AudioError
from core_model.features.reference_mel import reference_mel
from core_model.sovits.families import V3, V4


@pytest.mark.parametrize(("dims", "hop"), [(V3.decoder, 256), (V4.decoder, 320)], ids=["v3", "v4"])
def test_frames_follow_the_hop(dims: object, hop: int) -> None:
    rng = np.random.default_rng(0)
    for samples in (4 * hop, 10 * hop, 10 * hop + hop - 1):
        mel = reference_mel(rng.uniform(-0.5, 0.5, samples).astype(np.float32), dims)
        assert mel.shape == (1, 100, samples // hop)
        assert mel.dtype == np.float32


def test_silence_is_the_floor() -> None:
    """log(1e-5) = -11.51 of -12 .. 2."""
    mel = reference_mel(np.zeros(8000, np.float32), V3.decoder)
    np.testing.assert_allclose(mel, (np.log(1e-5) + 12) / 14 * 2 - 1, atol=1e-6)


def test_loud_noise_stays_within() -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, 48000).astype(np.float32)
    mel = reference_mel(noise, V4.decoder)
    assert -1 <= mel.min() < mel.max() <= 1


def test_twice_as_loud_is_one_step_of_the_logarithm() -> None:
    noise = np.random.default_rng(1).uniform(-0.3, 0.3, 24000).astype(np.float32)
    soft, loud = reference_mel(noise, V3.decoder), reference_mel(2 * noise, V3.decoder)
    np.testing.assert_allclose(loud - soft, np.log(2) / 7, atol=1e-3)


def test_a_tone_is_highest_where_it_is() -> None:
    """1 kHz lies at 15 of Slaney's mels; 24 kHz speech ends at 51.15: band 100 * 15 / 51.15 = 29."""
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(24000) / 24000).astype(np.float32)
    mel = reference_mel(tone, V3.decoder)
    assert set(mel[0, :, 5:-5].argmax(0)) <= {28, 29}


def test_too_short_is_refused() -> None:
    with pytest.raises(AudioError):
        reference_mel(np.zeros(300, np.float32), V3.decoder)

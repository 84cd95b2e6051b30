"""Long recordings are cut where they are quiet, and lose nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core_model.features.pauses import pieces


@given(st.integers(0, 5_000), st.integers(0, 9))
def test_nothing_is_lost_and_nothing_is_too_long(length: int, seed: int) -> None:
    waveform = np.random.default_rng(seed).standard_normal(length).astype(np.float32)
    found = pieces(waveform, 100, 6.0)
    assert np.array_equal(np.concatenate(found), waveform)
    assert all(len(piece) <= 600 for piece in found)
    assert all(len(piece) >= 300 for piece in found[:-1])


def test_it_is_cut_in_the_pause() -> None:
    waveform = np.random.default_rng(1).standard_normal(10_000).astype(np.float32)
    waveform[4_200:4_600] *= 0.01  # 0.4 s
    waveform[5_000:5_040] = 0  # silent, and too short for a pause
    first, second = pieces(waveform, 1_000, 6.0)
    assert 4_250 < len(first) < 4_550
    assert len(first) + len(second) == 10_000


def test_what_fits_stays_whole() -> None:
    waveform = np.zeros(600, np.float32)
    assert len(pieces(waveform, 100, 6.0)) == 1

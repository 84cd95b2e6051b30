"""Resemblyzer's network as the ear of the attacks: what it makes of speech, of silence and of too little."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core_model.features import audio
from lifecycle.speaker_ear import Ear

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.slow
def test_an_ear_hears_who_speaks_and_nothing_in_silence() -> None:
    pytest.importorskip("resemblyzer", reason="the extra [bench] is not installed")
    ear = Ear()
    first, second = (audio.load(EXAMPLES / f"{number}.flac", 16_000).waveform for number in ("01", "02"))
    heard = [ear.hear(waveform, 16_000) for waveform in (first, second, -first[::-1])]
    assert all(vector is not None and vector.shape == (256,) and vector.min() >= 0 for vector in heard)
    assert all(np.linalg.norm(vector) == pytest.approx(1, abs=1e-5) for vector in heard if vector is not None)
    assert heard[0] is not None and heard[1] is not None
    assert heard[0] @ heard[1] > 0.8  # one voice, two sentences
    assert ear.hear(np.zeros(16_000, np.float32), 16_000) is None
    assert ear.hear(first[:1000], 16_000) is None

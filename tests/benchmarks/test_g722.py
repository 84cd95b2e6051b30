"""The decoder gives what another one gives, bit for bit: ffmpeg 5.1.9 on the same bytes (2026-11-28)."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tests.benchmarks import g722

DRAWN = np.random.Generator(np.random.Philox(key=722))
ANY = DRAWN.integers(0, 256, 1200, dtype=np.uint8).tobytes()
HIGH, LOW = DRAWN.integers(0, 4, 600), DRAWN.choice([24, 30, 31, 58, 59, 60, 61, 62, 63, 44], 600)
QUIET = bytes(int(high) << 6 | int(low) for high, low in zip(HIGH, LOW, strict=True))
BY_FFMPEG = {
    ANY: "5eb44ed1028f76accf76d4369e47a9e6514827266cde8fcd92e1efe00314a74f",
    QUIET: "0e1a03bcac4f0f2e4905a86796adf46cdf1a22770609924387f58f65922a14e5",
}


@pytest.mark.parametrize("files", [[ANY], [QUIET, b"", ANY], [ANY, QUIET]])
def test_many_at_once_are_what_ffmpeg_makes_of_each(files: list[bytes]) -> None:
    for file, samples in zip(files, g722.decode(files), strict=True):
        assert len(samples) == 2 * len(file)
        if file:
            pcm = (samples * 32768).astype("<i2").tobytes()
            assert hashlib.sha256(pcm).hexdigest() == BY_FFMPEG[file]

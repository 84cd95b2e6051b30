"""What a recording must be like before a voice is learnt from it: each limit, and the sentence for who misses it.

Knows nothing of directories or of what happens next. The limits of length are upstream's (INFERENCE.md 7); those of
noise and clipping are measured on speech in tests/core_model/features/test_quality.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_model.features.audio import file_duration_s, load_channels
from core_model.features.quality import clipped_share, level_db, signal_to_noise_db
from lifecycle.transcripts import Transcript

SHORTEST_S = 0.6
LONGEST_S = 54.0
QUIETEST_DB = -50.0
LEAST_SIGNAL_TO_NOISE_DB = 20.0
MOST_CLIPPED = 0.001  # 1 ms in every second; clean speech turned up to full scale stays under a fifth of that

WhyNot = tuple[str, float | None, str]  # reason, figure, sentence
_CODE = re.compile(r"[A-Za-z]{1,4}([_-][A-Za-z0-9]{1,8})?")  # of a language
_NO_TRANSCRIPT: WhyNot = ("no_transcript", None, "there is no transcript: no .txt beside it, and no list names it")


@dataclass(frozen=True, slots=True)
class Measured:
    """What the sound of a file is like. Only the duration counts where it is too short or too long."""

    duration_s: float
    sample_rate: int = 0
    channels: int = 0
    level_db: float = 0.0
    clipped: float = 0.0
    signal_to_noise_db: float = 0.0
    sha256: str = ""


def measure(path: Path) -> Measured:
    """Listen to *path*; AudioError if it cannot be read. Of one too long nothing is decoded: it may be hours."""
    announced_s = file_duration_s(path)
    if announced_s > LONGEST_S:
        return Measured(announced_s)
    channels, sample_rate = load_channels(path)
    duration_s = len(channels) / sample_rate
    if not SHORTEST_S <= duration_s <= LONGEST_S:
        return Measured(duration_s)
    waveform: NDArray[np.float32] = channels.mean(axis=1, dtype=np.float32)
    return Measured(
        duration_s,
        sample_rate,
        channels.shape[1],
        level_db(waveform, sample_rate),
        clipped_share(channels),
        signal_to_noise_db(waveform, sample_rate),
        hashlib.sha256(f"{sample_rate} {channels.shape[1]} ".encode() + channels.astype("<f4").tobytes()).hexdigest(),
    )


def why_not_the_sound(measured: Measured) -> WhyNot | None:
    """Why nothing can be learnt from this sound, or None."""
    length, level, noise = measured.duration_s, measured.level_db, measured.signal_to_noise_db
    if length < SHORTEST_S:
        return "too_short", length, f"it lasts {length:.2f} s; {SHORTEST_S} s are the least"
    if length > LONGEST_S:
        return "too_long", length, f"it lasts {length:.1f} s; {LONGEST_S:.0f} s are the most: cut it into sentences"
    if level < QUIETEST_DB:
        return "silent", level, f"its loudest parts lie {-level:.0f} dB under full scale: there is nothing to hear"
    if measured.clipped > MOST_CLIPPED:
        percent = 100.0 * measured.clipped
        return "clipped", percent, f"{percent:.1f} % of its samples are cut off: it was recorded too loud"
    if noise < LEAST_SIGNAL_TO_NOISE_DB:
        need = f"{LEAST_SIGNAL_TO_NOISE_DB:.0f} dB are needed"
        return "noisy", noise, f"its speech lies {noise:.0f} dB above the noise; {need}"
    return None


def why_not_the_words(transcript: Transcript | None, languages: Sequence[str]) -> WhyNot | None:
    """Why nothing can be learnt from these words, or None; *languages* are those of the front end."""
    if transcript is None:
        return _NO_TRANSCRIPT
    if transcript.text is None:
        return "transcript_unreadable", None, "its transcript is not UTF-8 text"
    if not any(map(str.isalnum, transcript.text)):
        return "transcript_empty", None, "its transcript holds no words"
    if transcript.language not in languages:
        known = ", ".join(languages)
        code = transcript.language if _CODE.fullmatch(transcript.language) else ""  # else it may be what was said
        told = f"its language is {code!r}" if code else "what stands for its language is no code"
        return "unknown_language", None, f"{told}; known are {known}"
    return None

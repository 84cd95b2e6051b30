"""Speak: from a voice on this machine to a sound file, on the runtime that was asked for.

Knows which runtimes there are and how a wav is written; torch is imported only where it is the runtime, so that a
machine without it still speaks through ONNX.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import soundfile

from core_model.speaking import SpeakingOptions, Speech
from core_model.voice import Voice
from lifecycle.store import new_file

RUNTIMES = ("torch", "onnx")


def speak(
    voice: Voice,
    text: str | None,
    *,
    phonemes: str | None,
    runtime: str,
    options: SpeakingOptions,
    tell: Callable[[int, int], None],
) -> Speech:
    """Speak *text*, or *phonemes* written as text, on *runtime*. TextError, VoiceError, RuntimeMissingError."""
    if runtime == "onnx":
        from core_model.player import Player

        return Player(voice).synthesize(text, phonemes=phonemes, options=options, progress=tell)
    from core_model.synthesis import synthesize

    return synthesize(voice, text, phonemes=phonemes, options=options, progress=tell)


def write_wav(path: Path, speech: Speech) -> None:
    """Write *speech* as 16-bit PCM, whole or not at all, in place of what was there."""
    with new_file(path) as file:
        soundfile.write(file, speech.waveform, speech.sample_rate, format="WAV", subtype="PCM_16")

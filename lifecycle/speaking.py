"""Speak: from a voice on this machine to a sound file, on the runtime that was asked for.

Knows the order of the steps and how a wav is written; what is said is refused before any network is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import soundfile

from core_model.speaking import SpeakingOptions, Speech
from core_model.speaking import speak as speak_utterances
from core_model.utterances import utterances
from core_model.voice import Voice
from lifecycle.runtimes import load_runtime
from lifecycle.store import new_file, require_same_kind


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
    said = utterances(voice, text, phonemes=phonemes, language=options.language)
    return speak_utterances(voice, load_runtime(voice, runtime), said, options, tell)


def write_wav(path: Path, speech: Speech) -> None:
    """Write *speech* as 16-bit PCM, whole or not at all. It may replace a wav; OutputExistsError for any other file."""
    require_same_kind(path, b"RIFF")
    with new_file(path) as file:
        soundfile.write(file, speech.waveform, speech.sample_rate, format="WAV", subtype="PCM_16")

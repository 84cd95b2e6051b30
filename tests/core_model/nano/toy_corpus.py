"""A corpus of tones that takes no engine: two speakers, a few utterances each, in the directories of a real one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core_model.nano import speech
from core_model.nano.speech import Speaker, Utterance

SPEAKERS = (Speaker("toy", "low"), Speaker("toy", "high", 1.5))
_PHONES = ("SP", "AY", "S", "OW", "L", "SP")


def says_tones(speaker: Speaker, texts: list[str]) -> Iterator[Utterance]:
    """Stands in for an engine."""
    for index, text in enumerate(texts):
        yield tones(text, 120 * speaker.warp, seed=index)


def tones(text: str, hz: float, seed: int) -> Utterance:
    """About 1.4 s: each phone is a stretch of a harmonic tone, S is noise."""
    rng = np.random.default_rng(seed)
    ends = np.cumsum(rng.uniform(0.16, 0.32, len(_PHONES)))
    t = np.arange(round(ends[-1] * speech.SAMPLE_RATE)) / speech.SAMPLE_RATE
    which = np.minimum(np.searchsorted(ends, t, side="right"), len(_PHONES) - 1)
    loud = np.array([0.0, 1.0, 0.0, 0.8, 0.6, 0.0])[which]
    tone = sum(np.sin(2 * np.pi * k * hz * t) / k for k in (1, 2, 3)) * 0.3
    noise = rng.standard_normal(len(t)) * np.where(which == 2, 0.1, 0.001)
    waveform = (loud * tone + noise).astype(np.float32)
    return Utterance(text, waveform, tuple(zip(_PHONES, ends.tolist(), strict=True)))


def write_toy_corpus(work: Path, monkeypatch: pytest.MonkeyPatch | None) -> None:
    """Two rounds of three utterances by two speakers under *work*: the toy's, or the base's first two."""
    speakers = speech.SPEAKERS[:2]
    if monkeypatch is not None:
        monkeypatch.setattr(speech, "SPEAKERS", SPEAKERS)
        speakers = SPEAKERS
    for number in range(2):
        for voice, speaker in enumerate(speakers):
            home = work / "speech" / f"{number:02d}" / speaker.name
            home.mkdir(parents=True)
            lines = []
            for index in range(3):
                said = tones("I sole.", 120 + 60 * voice, seed=100 * number + 10 * voice + index)
                soundfile.write(home / f"{index:04d}.flac", said.waveform, speech.SAMPLE_RATE, subtype="PCM_16")
                lines.append(json.dumps({"file": f"{index:04d}.flac", "text": said.text, "phones": said.phones}))
            (home / "segments.jsonl").write_text("\n".join(lines) + "\n")
    (work / "speech" / "corpus.json").write_text('{"rounds": 2}')

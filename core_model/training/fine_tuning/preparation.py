"""Recordings with known words to utterances of the upstream families: levelled, heard by HuBERT, spelled.

Knows waveforms, phonemes and a voice's ears (core_model.listening); not files, transcripts or people's names. A
recording that cannot be used is returned with the reason. Reference: INFERENCE.md §7.

    recording ─ half its own level, half one level for all ─┬─ × 32768 ─▶ what is learnt from, its speaker vector
                                                            └─ × 1145.14, 16 kHz ─▶ HuBERT ─▶ codes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch

from core_model.errors import AudioError, DatasetError
from core_model.features import audio
from core_model.text.phonemes import Phonemes
from core_model.training.fine_tuning.utterances import SAMPLE_RATE, Utterance, Utterances, unusable_reason
from core_model.training.preparation import Unusable

HEARD_RATE = 16_000  # Hz
_PEAK, _SHARE = 0.95, 0.5  # half of what is learnt from has this peak, whatever the recording's level was
_FULL_SCALE = 32768.0
_HEARD_SCALE = 1145.14  # HuBERT's first layer normalises; upstream's voices were made at this scale all the same
_LOUDEST = 2.2  # a peak beyond this is damage, not speech


class WordFeaturesOf(Protocol):
    """core_model.features.word_features.WordFeatures."""

    def of(self, normalised: str, phonemes_per_character: Sequence[int]) -> np.ndarray:
        """(P, W)."""


class Ears(Protocol):
    """What of core_model.listening.Listener is needed here."""

    def tokens(self, waveform: np.ndarray) -> np.ndarray:
        """(N,) at 16 kHz to codes (T,)."""

    def speaker_vector(self, waveform: np.ndarray) -> torch.Tensor | None:
        """(N,) at 32 kHz to (1, V); None where the family takes none."""


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """One recording: what identifies it to the caller, its waveform (float32 at 32 kHz) and what is said in it."""

    label: str
    waveform: np.ndarray = field(repr=False)
    phonemes: Phonemes = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What training gets. Utterances stand in the order of the recordings they are of."""

    utterances: Utterances
    labels: tuple[str, ...]
    unusable: tuple[Unusable, ...]


def prepare(recordings: Sequence[Spoken], ears: Ears, word_features: WordFeaturesOf | None) -> Prepared:
    """Every recording that is fit to learn from; DatasetError if none is. *word_features* None: Chinese has zeros."""
    utterances: list[Utterance] = []
    labels: list[str] = []
    unusable: list[Unusable] = []
    for recording in recordings:
        try:
            utterance = _utterance(recording, ears, word_features)
        except AudioError as error:
            unusable.append(Unusable(recording.label, str(error)))
            continue
        if (reason := unusable_reason(utterance)) is not None:
            unusable.append(Unusable(recording.label, f"it {reason}"))
            continue
        utterances.append(utterance)
        labels.append(recording.label)
    if not utterances:
        reason = f" ({unusable[0].label}: {unusable[0].reason})" if unusable else ""
        raise DatasetError(f"no recording is fit to learn from{reason}")
    return Prepared(Utterances(utterances), tuple(labels), tuple(unusable))


def levelled(waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) at 32 kHz to what is learnt from, (N,) int16, and what HuBERT hears, at 16 kHz. AudioError."""
    peak = float(np.abs(waveform).max(initial=0.0))
    if not 0 < peak <= _LOUDEST:
        raise AudioError("it is silent" if not peak else f"its samples reach {peak:.1f} times full scale")
    mixed = waveform.astype(np.float64) * (_SHARE * (_PEAK / peak + 1))
    learnt = np.clip(mixed * _FULL_SCALE, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
    heard = audio.resample((mixed * _HEARD_SCALE).astype(np.float32), SAMPLE_RATE, HEARD_RATE)
    return learnt, heard


def _utterance(recording: Spoken, ears: Ears, word_features: WordFeaturesOf | None) -> Utterance:
    learnt, heard = levelled(recording.waveform)
    vector = ears.speaker_vector(learnt.astype(np.float32) / np.float32(_FULL_SCALE))
    return Utterance(
        phonemes=np.array(recording.phonemes.ids, np.int64),
        codes=ears.tokens(heard),
        waveform=learnt,
        word_features=_features(recording.phonemes, word_features),
        speaker_vector=None if vector is None else vector[0].numpy(),
    )


def _features(phonemes: Phonemes, word_features: WordFeaturesOf | None) -> np.ndarray | None:
    """(P, W) float16 over the Chinese stretches; None if there is none, or nothing to ask."""
    rows: np.ndarray | None = None
    first = 0
    for segment in phonemes.segments:
        if word_features is not None and segment.language == "zh" and segment.phonemes_per_character is not None:
            features = word_features.of(segment.normalised, segment.phonemes_per_character)
            if rows is None:
                rows = np.zeros((len(phonemes), features.shape[1]), np.float16)
            rows[first : first + len(features)] = features
        first += segment.count
    return rows

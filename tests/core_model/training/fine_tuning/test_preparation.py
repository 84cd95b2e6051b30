"""Recordings to utterances: both levels, codes and vectors from what was meant to be heard, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core_model.errors import AudioError, DatasetError
from core_model.text.phonemes import Phonemes, Segment
from core_model.training.fine_tuning.preparation import Spoken, levelled, prepare


class Ears:
    """Hears a code every 640 samples at 16 kHz, and remembers what it heard."""

    def __init__(self) -> None:
        self.heard: list[np.ndarray] = []

    def tokens(self, waveform: np.ndarray) -> np.ndarray:
        self.heard.append(waveform)
        return np.full(len(waveform) // 640, 7)

    def speaker_vector(self, waveform: np.ndarray) -> torch.Tensor | None:
        return torch.tensor([[waveform.max(), waveform.min()]])


class Features:
    def of(self, normalised: str, phonemes_per_character: tuple[int, ...]) -> np.ndarray:
        return np.repeat([[float(ord(character) % 97)] for character in normalised], phonemes_per_character, axis=0)


def tone(seconds: float = 2.0, peak: float = 0.25) -> np.ndarray:
    return (peak * np.sin(np.arange(round(32_000 * seconds)) / 20)).astype(np.float32)


def phonemes(*segments: Segment) -> Phonemes:
    count = sum(segment.count for segment in segments)
    return Phonemes(("a",) * count, (96,) * count, (False,) * count, "...", segments=segments)


ENGLISH = Segment("en", "hello world", None, 9)
CHINESE = Segment("zh", "你好", (2, 2), 4)


def test_half_of_the_level_is_its_own_and_half_one_for_all() -> None:
    """The formula of INFERENCE §7, written out: x / max · 0.95 · 0.5 · 32768 + 0.5 · 32768 · x."""
    x = tone()
    learnt, heard = levelled(x)
    expected = x / x.max() * (0.95 * 0.5 * 32768) + 0.5 * 32768 * x
    assert np.abs(learnt - expected).max() <= 1
    assert len(heard) == len(x) // 2
    middle = slice(1000, -1000)  # a tone that begins suddenly rings
    assert np.abs(heard[middle]).max() == pytest.approx(np.abs(expected).max() / 32768 * 1145.14, rel=0.01)


@pytest.mark.parametrize(("peak", "said"), [(0.0, "silent"), (2.5, "2.5 times full scale")])
def test_damage_is_told(peak: float, said: str) -> None:
    with pytest.raises(AudioError, match=said):
        levelled(tone(peak=1.0) * np.float32(peak))


def test_an_utterance_holds_what_was_heard_and_word_features_of_chinese_alone() -> None:
    ears = Ears()
    prepared = prepare([Spoken("x.wav", tone(), phonemes(ENGLISH, CHINESE))], ears, Features())
    (one,) = prepared.utterances.utterances
    assert len(ears.heard[0]) == 32_000 and one.codes.tolist() == [7] * 50
    assert one.speaker_vector is not None and one.speaker_vector[0] == pytest.approx(one.waveform.max() / 32768)
    assert one.word_features is not None and one.word_features.shape == (13, 1)
    assert not one.word_features[:9].any()
    assert one.word_features[9:, 0].tolist() == [float(ord(c) % 97) for c in "你你好好"]


@pytest.mark.parametrize(("segments", "features"), [((ENGLISH,), Features()), ((ENGLISH, CHINESE), None)])
def test_without_chinese_or_without_a_model_there_are_no_word_features(segments: tuple, features: object) -> None:  # type: ignore[type-arg]
    prepared = prepare([Spoken("x.wav", tone(), phonemes(*segments))], Ears(), features)  # type: ignore[arg-type]
    assert prepared.utterances.utterances[0].word_features is None


def test_what_cannot_be_used_is_named_with_its_reason() -> None:
    fit = Spoken("fit.wav", tone(), phonemes(ENGLISH))
    short = Spoken("short.wav", tone(0.3), phonemes(ENGLISH))
    wordy = Spoken("wordy.wav", tone(2.0), phonemes(*[ENGLISH] * 7))
    silent = Spoken("silent.wav", tone(peak=0.0), phonemes(ENGLISH))
    prepared = prepare([short, fit, wordy, silent], Ears(), None)
    assert prepared.labels == ("fit.wav",)
    assert [(one.label, one.reason.split()[1]) for one in prepared.unusable] == [
        ("short.wav", "lasts"),
        ("wordy.wav", "has"),
        ("silent.wav", "is"),
    ]
    with pytest.raises(DatasetError, match=r"short\.wav: it lasts 0\.3 s"):
        prepare([short], Ears(), None)

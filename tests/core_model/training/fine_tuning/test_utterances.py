"""Utterances to batches: padding, frames against codes, word features of some, and what is unfit to learn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core_model.errors import DatasetError
from core_model.features import audio
from core_model.training.fine_tuning.utterances import (
    FFT,
    HOP,
    SLICE_FRAMES,
    Utterance,
    Utterances,
    collate,
    unusable_reason,
)
from tests.core_model.training.fine_tuning.tiny import tiny_utterances, utterance


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    utterances = tiny_utterances(6)
    first, again, other = (utterances.batch(1, step, 3) for step in (7, 7, 8))
    assert np.array_equal(first.codes, again.codes) and np.array_equal(first.spectrogram, again.spectrogram)
    assert first.codes.shape != other.codes.shape or not np.array_equal(first.codes, other.codes)


def test_each_row_is_its_own_utterance_and_zero_behind_it() -> None:
    made = [utterance(seed) for seed in (0, 3)]
    batch = collate(made)
    for row, one in enumerate(made):
        samples = one.waveform.astype(np.float32) / 32768
        linear = audio.linear_spectrogram(samples, FFT, HOP)
        known = int(batch.frame_lengths[row])
        assert known == 2 * len(one.codes) == linear.shape[1]
        assert np.array_equal(batch.spectrogram[row, :, :known], linear)
        assert not batch.spectrogram[row, :, known:].any()
        assert np.array_equal(batch.waveform[row, : known * HOP], samples)
        assert batch.codes[row, : len(one.codes)].tolist() == one.codes.tolist()
        assert batch.phonemes[row, : len(one.phonemes)].tolist() == one.phonemes.tolist()


@pytest.mark.parametrize("surplus", [-1, 1, 0])
def test_codes_may_be_one_short_or_one_long(surplus: int) -> None:
    one = utterance(0)
    codes = one.codes[:surplus] if surplus < 0 else np.append(one.codes, [1] * surplus)
    batch = collate([replace(one, codes=codes)])
    assert batch.spectrogram.shape[2] == 2 * len(codes)
    assert batch.frame_lengths[0] == 2 * min(len(codes), len(one.codes))


def test_word_features_of_one_are_zeros_for_the_other() -> None:
    batch = collate([utterance(0, word_features=True), utterance(1)])
    assert batch.word_features is not None
    assert batch.word_features[0].any() and not batch.word_features[1].any()
    assert collate([utterance(1)]).word_features is None


def test_speaker_vectors_are_all_or_none() -> None:
    with pytest.raises(DatasetError, match="speaker vector"):
        Utterances([utterance(0, speaker_vector=True), utterance(1)])
    with pytest.raises(DatasetError, match="no utterance"):
        Utterances([])


@pytest.mark.parametrize(
    ("seconds", "phonemes", "said"),
    [(0.6, 8, "0.6 s"), (54.0, 400, "54.0 s"), (2.0, 5, "2.5 phonemes"), (2.0, 60, "30.0 phonemes"), (2.0, 20, None)],
)
def test_what_is_unfit(seconds: float, phonemes: int, said: str | None) -> None:
    samples = np.zeros(round(32_000 * seconds), np.int16)
    one = Utterance(np.ones(phonemes, np.int64), np.ones(round(25 * seconds), np.int64), samples)
    reason = unusable_reason(one)
    assert reason is None if said is None else said in str(reason)


def test_the_shortest_that_is_fit_holds_a_slice() -> None:
    samples = np.zeros(round(32_000 * 0.64), np.int16)
    one = Utterance(np.ones(5, np.int64), np.ones(16, np.int64), samples)
    assert unusable_reason(one) is None
    assert collate([one]).frame_lengths[0] >= SLICE_FRAMES

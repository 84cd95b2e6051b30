"""Rates match, batches depend on seed and step alone, and what is saved comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.alignment_codes import AlignmentCodes, phone_of
from core_model.errors import AlignmentError
from core_model.features import acoustic
from core_model.features.audio import load
from core_model.text.symbols import V2
from core_model.training.dataset import (
    FRAMES_PER_TOKEN,
    SAMPLES_PER_TOKEN,
    Batch,
    Dataset,
    Example,
    collate,
    make_example,
    semitones,
)
from tests.core_model.training.tiny import CODES, tiny_dataset, utterance

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
ARRAYS = ("phonemes", "tokens", "mel", "f0", "waveform")


def equal(a: Example, b: Example) -> bool:
    return a.speaker == b.speaker and all(
        getattr(a, n).dtype == getattr(b, n).dtype and np.array_equal(getattr(a, n), getattr(b, n)) for n in ARRAYS
    )


def test_the_rates_of_an_example_match() -> None:
    example = utterance(3)
    count = len(example.tokens)
    assert example.mel.shape == (80, FRAMES_PER_TOKEN * count)
    assert example.f0.shape == (FRAMES_PER_TOKEN * count,)
    assert example.f0.dtype == np.float32
    assert example.waveform.shape == (SAMPLES_PER_TOKEN * count,)
    phones, begins, _ = CODES.split(example.tokens)
    said = [CODES.phones[phone] for phone in phones[begins]]
    assert said == [phone_of(V2[row]) for row in example.phonemes]


def test_a_tone_has_its_pitch_in_semitones_and_noise_has_none() -> None:
    t = np.arange(16_000) / 16_000
    tone = sum(np.sin(2 * np.pi * k * 220 * t) / k for k in (1, 2, 3)).astype(np.float32) * 0.3
    pitched = semitones(tone)
    assert pitched.shape == (25,)
    np.testing.assert_allclose(pitched[2:-2], 12 * np.log2(220), atol=0.1)
    noise = np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.1
    assert np.isnan(semitones(noise)).mean() > 0.9


def test_the_pitch_of_an_example_is_that_of_its_frames_and_0_where_there_is_none() -> None:
    t = np.arange(16_000) / 16_000
    tone = sum(np.sin(2 * np.pi * k * 220 * t) / k for k in (1, 2, 3)) * 0.3
    noise = np.random.default_rng(0).standard_normal(16_000) * 0.05
    sound = np.where(t < 0.5, tone, noise).astype(np.float32)
    example = make_example(0, sound, ["AY1", "HH"], [0.5, 1.0], 12 * np.log2(220), CODES)
    np.testing.assert_allclose(example.f0[3:22], 220, rtol=5e-3)
    assert (example.f0[28:] > 0).mean() < 0.1


def test_a_higher_voice_has_the_same_codes_about_its_own_median() -> None:
    """Levels are relative to the speaker: that is what lets one base speak for many."""
    levels = []
    for hz in (110.0, 220.0):
        t = np.arange(16_000) / 16_000
        tone = sum(np.sin(2 * np.pi * k * hz * t) / k for k in (1, 2, 3)).astype(np.float32) * 0.3
        example = make_example(0, tone, ["SP", "AY1", "."], [0.08, 0.92, 1.0], 12 * np.log2(hz), CODES)
        levels.append(CODES.split(example.tokens)[2][4:20])
    assert np.array_equal(levels[0], levels[1])
    assert set(levels[0].tolist()) == {6}


def test_more_phones_than_tokens_are_refused() -> None:
    sound = np.zeros(3 * SAMPLES_PER_TOKEN, np.float32)
    with pytest.raises(AlignmentError, match="more phones"):
        make_example(0, sound, ["HH", "AY1", "Y", "UW1"], [0.03, 0.06, 0.09, 0.12], 90.0, CODES)
    with pytest.raises(AlignmentError, match="more phones"):
        make_example(0, sound[:100], ["SP"], [0.01], 90.0, CODES)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    dataset = tiny_dataset(5)
    dataset.save(tmp_path / "dataset.safetensors")
    loaded = Dataset.load(tmp_path / "dataset.safetensors")
    assert len(loaded.examples) == 5
    assert all(equal(a, b) for a, b in zip(dataset.examples, loaded.examples, strict=True))
    assert loaded.seconds == dataset.seconds == sum(len(e.tokens) for e in dataset.examples) * 0.04
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.safetensors"]


def test_one_example_is_saved_too(tmp_path: Path) -> None:
    Dataset([utterance(1)]).save(tmp_path / "one")
    assert equal(Dataset.load(tmp_path / "one").examples[0], utterance(1))


def parts(batch: Batch) -> list[np.ndarray]:
    return [getattr(batch, name) for name in Batch.__slots__]


DATASET = tiny_dataset(9)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**63), st.integers(0, 10**6), st.integers(1, 12))
def test_a_batch_depends_on_seed_and_step_alone(seed: int, step: int, size: int) -> None:
    first = DATASET.batch(seed, step, size)
    DATASET.batch(seed + 1, step, size)  # whatever was drawn in between
    again = Dataset(DATASET.examples).batch(seed, step, size)
    assert all(np.array_equal(a, b) for a, b in zip(parts(first), parts(again), strict=True))
    assert len(first.tokens) == min(size, 9)


def test_other_steps_and_seeds_draw_other_batches() -> None:
    def drawn(seed: int, step: int) -> bytes:
        return DATASET.batch(seed, step, 3).tokens.tobytes()

    assert len({drawn(1, step) for step in range(20)}) > 3
    assert len({drawn(seed, 1) for seed in range(20)}) > 3


def test_every_example_is_drawn_in_time() -> None:
    lengths = {len(example.waveform) for example in DATASET.examples}
    seen = {int(n) * SAMPLES_PER_TOKEN for step in range(60) for n in DATASET.batch(0, step, 3).token_lengths}
    assert seen == lengths


def test_a_batch_is_its_examples_padded_with_zeros() -> None:
    short, long = sorted((utterance(0, 3), utterance(1, 8)), key=lambda e: len(e.tokens))
    batch = collate([short, long])
    assert batch.tokens.shape == (2, len(long.tokens))
    assert batch.token_lengths.tolist() == [len(short.tokens), len(long.tokens)]
    assert batch.phoneme_lengths.tolist() == [len(short.phonemes), len(long.phonemes)]
    np.testing.assert_array_equal(batch.tokens[0, : len(short.tokens)], short.tokens)
    np.testing.assert_array_equal(batch.mel[0, :, : short.mel.shape[1]], short.mel.astype(np.float32))
    for padded, length in ((batch.tokens[0], len(short.tokens)), (batch.waveform[0], len(short.waveform))):
        assert not padded[length:].any()
    assert not batch.mel[0, :, short.mel.shape[1] :].any()
    np.testing.assert_array_equal(batch.f0[0, : len(short.f0)], short.f0)
    assert not batch.f0[0, len(short.f0) :].any()
    assert short.f0.any()
    assert batch.mel.dtype == batch.f0.dtype == batch.waveform.dtype == np.float32
    np.testing.assert_allclose(batch.waveform[1], long.waveform / 32767, atol=1e-7)


def test_the_mel_that_networks_see_is_centred_on_speech() -> None:
    waveform = acoustic.level(load(EXAMPLES / "01.flac", 16_000).waveform)
    mel = acoustic.acoustic_mel(waveform)
    assert mel.shape == (80, len(waveform) // acoustic.HOP)
    assert mel.dtype == np.float32
    assert abs(float(mel.mean())) < 0.5
    assert 0.5 < float(mel.std()) < 1.5


def test_level_brings_every_loudness_to_one_and_never_clips() -> None:
    waveform = load(EXAMPLES / "01.flac", 16_000).waveform
    levelled = acoustic.level(waveform)
    assert np.percentile(np.abs(levelled), 99.5) == pytest.approx(0.4, abs=1e-3)
    np.testing.assert_allclose(acoustic.level(waveform * 0.05), levelled, atol=1e-5)
    click = np.zeros(16_000, np.float32)
    click[::4000] = 1.0
    assert np.abs(acoustic.level(click)).max() <= 0.99 + 1e-6
    assert not acoustic.level(np.zeros(100, np.float32)).any()


def test_codes_of_another_layout_are_used_as_they_are() -> None:
    codes = AlignmentCodes(pitch_levels=4)
    example = make_example(0, np.zeros(16_000, np.float32), ["SP", "HH", "."], [0.2, 0.6, 1.0], 90.0, codes)
    assert codes.split(example.tokens)[0].max() == codes.phones.index("HH")

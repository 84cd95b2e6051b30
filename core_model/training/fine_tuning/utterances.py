"""What the upstream families learn from: one utterance's phonemes, codes and waveform, and batches of them.

Knows arrays; nothing of HuBERT, of files or of people. Batches are drawn by (seed, step) from utterances of similar
length, so a run that is resumed sees what it would have seen. Reference: INFERENCE.md §7 and §8.

P phonemes, T semantic codes (25 a second), F = 2T latent frames of 640 samples, N samples at 32 kHz.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from core_model.errors import DatasetError
from core_model.features import audio

SAMPLE_RATE = 32_000
FFT, HOP = 2048, 640
FRAMES_PER_CODE = 2
CODES_PER_SECOND = 25
SLICE_FRAMES = 32  # latent frames that the decoder sees of each utterance: 0.64 s
LEAST_S, LONGEST_S = 0.64, 54.0  # upstream keeps 0.6 < s < 54; a slice has to fit, too
_PHONEMES_PER_SECOND = (3.0, 25.0)  # outside of it the transcript is not what was said


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """One utterance as the networks see it."""

    phonemes: np.ndarray = field(repr=False)  # (P,) int64
    codes: np.ndarray = field(repr=False)  # (T,) int64
    waveform: np.ndarray = field(repr=False)  # (N,) int16
    # (P, W) float16; None: zeros, as everywhere but in Chinese
    word_features: np.ndarray | None = field(default=None, repr=False)
    speaker_vector: np.ndarray | None = field(default=None, repr=False)  # (V,) float32; where the family takes one

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.waveform) / SAMPLE_RATE


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Utterances side by side, padded with zeros."""

    phonemes: np.ndarray = field(repr=False)  # (B, P)
    phoneme_lengths: np.ndarray = field(repr=False)  # (B,)
    codes: np.ndarray = field(repr=False)  # (B, T)
    code_lengths: np.ndarray = field(repr=False)  # (B,)
    spectrogram: np.ndarray = field(repr=False)  # (B, FFT / 2 + 1, 2T) float32, linear
    frame_lengths: np.ndarray = field(repr=False)  # (B,)
    waveform: np.ndarray = field(repr=False)  # (B, 2T * HOP) float32 in -1 .. 1
    word_features: np.ndarray | None = field(repr=False)  # (B, P, W) float32; None: nobody has any
    speaker_vectors: np.ndarray | None = field(repr=False)  # (B, V) float32


def unusable_reason(utterance: Utterance) -> str | None:
    """Why *utterance* would teach something wrong, in words that fit behind “it”; None if it is fit to learn from."""
    if not LEAST_S <= utterance.seconds < LONGEST_S:
        return f"lasts {utterance.seconds:.1f} s, not {LEAST_S} to {LONGEST_S:.0f}"
    rate = len(utterance.phonemes) / utterance.seconds
    if not _PHONEMES_PER_SECOND[0] <= rate <= _PHONEMES_PER_SECOND[1]:
        return f"has {rate:.1f} phonemes a second, so the transcript is not what is said"
    return None


class Utterances:
    """Utterances in memory. `batch(seed, step, size)` is a pure function of its arguments."""

    def __init__(self, utterances: Iterable[Utterance]) -> None:
        self.utterances = tuple(utterances)
        if not self.utterances:
            raise DatasetError("there is no utterance to learn from")
        if len({utterance.speaker_vector is None for utterance in self.utterances}) > 1:
            raise DatasetError("some utterances have a speaker vector and others have none")

    @property
    def seconds(self) -> float:
        """Of all utterances together."""
        return sum(utterance.seconds for utterance in self.utterances)

    def batch(self, seed: int, step: int, size: int) -> Batch:
        """*size* utterances of similar length: a window, drawn by (seed, step), of all by length."""
        rng = np.random.Generator(np.random.Philox(key=[seed, step]))
        lengths = np.array([len(utterance.codes) for utterance in self.utterances])
        order = np.argsort(lengths * rng.uniform(0.9, 1.1, len(lengths)), kind="stable")
        start = int(rng.integers(0, max(1, len(order) - size + 1)))
        return collate([self.utterances[index] for index in order[start : start + size]])


def collate(utterances: Sequence[Utterance]) -> Batch:
    """Utterances to one padded batch; spectrograms are made here, because kept ones would be 50 times their audio."""
    counts = np.array([len(utterance.codes) for utterance in utterances])
    frames = FRAMES_PER_CODE * int(counts.max())
    spectrogram = np.zeros((len(utterances), FFT // 2 + 1, frames), np.float32)
    waveform = np.zeros((len(utterances), frames * HOP), np.float32)
    frame_lengths = np.zeros(len(utterances), np.int64)
    for row, utterance in enumerate(utterances):
        samples = utterance.waveform.astype(np.float32) / np.float32(32768)
        linear = audio.linear_spectrogram(samples, FFT, HOP)
        known = min(linear.shape[1], FRAMES_PER_CODE * len(utterance.codes))  # codes may be a frame short, or long
        spectrogram[row, :, :known] = linear[:, :known]
        waveform[row, : known * HOP] = samples[: known * HOP]
        frame_lengths[row] = known
    return Batch(
        phonemes=_padded([utterance.phonemes for utterance in utterances], np.int64),
        phoneme_lengths=np.array([len(utterance.phonemes) for utterance in utterances]),
        codes=_padded([utterance.codes for utterance in utterances], np.int64),
        code_lengths=counts,
        spectrogram=spectrogram,
        frame_lengths=frame_lengths,
        waveform=waveform,
        word_features=_word_features(utterances),
        speaker_vectors=_speaker_vectors(utterances),
    )


def _word_features(utterances: Sequence[Utterance]) -> np.ndarray | None:
    known = [utterance.word_features for utterance in utterances if utterance.word_features is not None]
    if not known:
        return None
    longest = max(len(utterance.phonemes) for utterance in utterances)
    features = np.zeros((len(utterances), longest, known[0].shape[1]), np.float32)
    for row, utterance in zip(features, utterances, strict=True):
        if utterance.word_features is not None:
            row[: len(utterance.word_features)] = utterance.word_features
    return features


def _speaker_vectors(utterances: Sequence[Utterance]) -> np.ndarray | None:
    vectors = [utterance.speaker_vector for utterance in utterances if utterance.speaker_vector is not None]
    return np.stack(vectors).astype(np.float32) if vectors else None


def _padded(rows: Sequence[np.ndarray], dtype: type) -> np.ndarray:
    out: np.ndarray = np.zeros((len(rows), max(len(row) for row in rows)), dtype)
    for target, row in zip(out, rows, strict=True):
        target[: len(row)] = row
    return out

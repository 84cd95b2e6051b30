"""Recordings as numbers: phonemes, semantic tokens, spectrogram and waveform of every utterance, at matching rates.

Knows arrays and where they rest on disk; nothing of networks, transcripts or directories of audio. One example is one
utterance; batches are drawn by (seed, step), so a run that is resumed sees the batches that it would have seen.

P phonemes, T semantic tokens (25 a second), 2T latent frames (50 a second), 640T samples at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from core_model.alignment_codes import SILENCE, AlignmentCodes, frames_from_seconds, phone_of
from core_model.errors import AlignmentError
from core_model.features import acoustic, pitch
from core_model.text.symbols import V2

SAMPLES_PER_TOKEN = 640
FRAMES_PER_TOKEN = 2
_USUAL_HZ = 150.0  # hummed, unheard, where a whole utterance is unvoiced
_TOKEN_S = SAMPLES_PER_TOKEN / acoustic.SAMPLE_RATE
_IDS = {symbol: index for index, symbol in enumerate(V2)}


@dataclass(frozen=True, slots=True)
class Example:
    """One utterance."""

    speaker: int
    phonemes: np.ndarray = field(repr=False)  # (P,) int64, rows of the v2 symbol table
    tokens: np.ndarray = field(repr=False)  # (T,) int64
    mel: np.ndarray = field(repr=False)  # (80, 2T) float16
    f0: np.ndarray = field(repr=False)  # (2T,) float32, Hz; 0 where unvoiced
    waveform: np.ndarray = field(repr=False)  # (640T,) int16


@dataclass(frozen=True, slots=True)
class Batch:
    """Utterances side by side, padded with zeros."""

    speakers: np.ndarray = field(repr=False)  # (B,)
    phonemes: np.ndarray = field(repr=False)  # (B, P)
    phoneme_lengths: np.ndarray = field(repr=False)  # (B,)
    tokens: np.ndarray = field(repr=False)  # (B, T)
    token_lengths: np.ndarray = field(repr=False)  # (B,)
    mel: np.ndarray = field(repr=False)  # (B, 80, 2T) float32
    f0: np.ndarray = field(repr=False)  # (B, 2T) float32, Hz; 0 where unvoiced
    waveform: np.ndarray = field(repr=False)  # (B, 640T) float32 in -1 .. 1

    def log_f0(self) -> np.ndarray:
        """Natural log of the pitch (B, 1, 2T) float32, going on where nothing is voiced: what a decoder hums."""
        return np.log(np.stack([pitch.continuous(row, _USUAL_HZ) for row in self.f0]))[:, None]

    def rows(self, which: slice) -> Batch:
        """Some of the utterances, padded as they are."""
        return Batch(*(getattr(self, each.name)[which] for each in fields(self)))


def semitones(waveform: np.ndarray) -> np.ndarray:
    """Absolute pitch per token (T,), in semitones over 1 Hz, NaN where less than half of the 40 ms is voiced."""
    tracked = pitch.track(waveform, acoustic.SAMPLE_RATE, SAMPLES_PER_TOKEN // 4)
    count = len(waveform) // SAMPLES_PER_TOKEN
    f0 = tracked.f0_hz[: 4 * count].reshape(count, 4)
    voiced = f0 > 0
    total = np.where(voiced, np.log2(np.maximum(f0, 1.0)), 0.0).sum(axis=1)
    mean = 12 * total / np.maximum(1, voiced.sum(axis=1))
    return np.where(voiced.sum(axis=1) >= 2, mean, np.nan)


def make_example(
    speaker: int,
    waveform: np.ndarray,
    symbols: Sequence[str],
    ends_s: Sequence[float],
    median_semitones: float,
    codes: AlignmentCodes,
) -> Example:
    """An utterance (float32 at 16 kHz) whose phoneme *symbols* end at *ends_s*; AlignmentError if they do not fit."""
    count = len(waveform) // SAMPLES_PER_TOKEN
    optional = [phone_of(symbol) == SILENCE for symbol in symbols]
    ends = frames_from_seconds(ends_s, optional, _TOKEN_S, count) if count else None
    if ends is None:
        raise AlignmentError("more phones than the recording has room for")
    cut = waveform[: count * SAMPLES_PER_TOKEN]
    levels = codes.quantize_pitch(semitones(cut) - median_semitones)
    return Example(
        speaker=speaker,
        phonemes=np.array([_IDS[symbol] for symbol in symbols], dtype=np.int64),
        tokens=codes.encode(symbols, ends, levels),
        mel=acoustic.acoustic_mel(cut).astype(np.float16),
        f0=pitch.track(cut, acoustic.SAMPLE_RATE, acoustic.HOP).f0_hz,
        waveform=np.round(np.clip(cut, -1, 1) * 32767).astype(np.int16),
    )


class Dataset:
    """Examples in memory. `batch(seed, step, size)` is a pure function of its arguments."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = tuple(examples)

    @property
    def seconds(self) -> float:
        """Of all waveforms together."""
        return sum(len(example.waveform) for example in self.examples) / acoustic.SAMPLE_RATE

    def of(self, speaker: int) -> list[Example]:
        """What one speaker said."""
        return [example for example in self.examples if example.speaker == speaker]

    def batch(self, seed: int, step: int, size: int) -> Batch:
        """*size* examples of similar length: a window, drawn by (seed, step), of the examples sorted, with jitter."""
        rng = np.random.Generator(np.random.Philox(key=[seed, step]))
        jitter = rng.uniform(0.9, 1.1, len(self.examples))
        lengths = np.array([len(example.tokens) for example in self.examples]) * jitter
        order = np.argsort(lengths, kind="stable")
        start = int(rng.integers(0, max(1, len(order) - size + 1)))
        return collate([self.examples[index] for index in order[start : start + size]])

    def save(self, path: Path) -> None:
        """Write all examples as one safetensors file."""
        arrays = {
            "speakers": np.array([example.speaker for example in self.examples]),
            "phoneme_counts": np.array([len(example.phonemes) for example in self.examples]),
            "token_counts": np.array([len(example.tokens) for example in self.examples]),
            "phonemes": np.concatenate([example.phonemes for example in self.examples]),
            "tokens": np.concatenate([example.tokens for example in self.examples]),
            "mel": np.ascontiguousarray(np.concatenate([example.mel for example in self.examples], axis=1)),
            "f0": np.concatenate([example.f0 for example in self.examples]),
            "waveform": np.concatenate([example.waveform for example in self.examples]),
        }
        partial = path.with_name(path.name + ".partial")
        save_file(arrays, partial)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Dataset:
        """The inverse of `save`."""
        arrays = load_file(path)
        phonemes = np.split(arrays["phonemes"], np.cumsum(arrays["phoneme_counts"])[:-1])
        ends = np.cumsum(arrays["token_counts"])[:-1]
        tokens = np.split(arrays["tokens"], ends)
        mel = np.split(arrays["mel"], ends * FRAMES_PER_TOKEN, axis=1)
        f0 = np.split(arrays["f0"], ends * FRAMES_PER_TOKEN)
        waveform = np.split(arrays["waveform"], ends * SAMPLES_PER_TOKEN)
        parts = zip(arrays["speakers"], phonemes, tokens, mel, f0, waveform, strict=True)
        return cls([Example(int(s), p, t, m, f, w) for s, p, t, m, f, w in parts])


def _padded(arrays: Sequence[np.ndarray], dtype: type) -> np.ndarray:
    """Arrays of one rank, padded with zeros along their last axis and stacked."""
    longest = max(array.shape[-1] for array in arrays)
    out = np.zeros((len(arrays), *arrays[0].shape[:-1], longest), dtype=dtype)
    for row, array in zip(out, arrays, strict=True):
        row[..., : array.shape[-1]] = array
    return out


def collate(examples: Sequence[Example]) -> Batch:
    """Examples to one padded batch."""
    return Batch(
        speakers=np.array([example.speaker for example in examples]),
        phonemes=_padded([example.phonemes for example in examples], np.int64),
        phoneme_lengths=np.array([len(example.phonemes) for example in examples]),
        tokens=_padded([example.tokens for example in examples], np.int64),
        token_lengths=np.array([len(example.tokens) for example in examples]),
        mel=_padded([example.mel for example in examples], np.float32),
        f0=_padded([example.f0 for example in examples], np.float32),
        waveform=_padded([example.waveform for example in examples], np.float32) / np.float32(32767),
    )

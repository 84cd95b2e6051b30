"""Recordings with known words to examples: align, cut at pauses, measure.

Knows waveforms, phonemes and the aligner; not files, text or people's names. A recording that cannot be used is
returned with the reason; of one that can, pieces under 0.8 s are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core_model.alignment_codes import SILENCE, AlignmentCodes, phone_of
from core_model.errors import AlignmentError
from core_model.features import acoustic
from core_model.features.alignment import Aligner, Alignment
from core_model.text.phonemes import Phonemes
from core_model.training.dataset import Example, make_example, semitones

_LONGEST_S = 6.4  # of a piece: what the base was trained on
_LEAST_TOKENS = 20
_TOKEN_S = 0.04
_PAUSE_S = 0.08  # a silence that is long enough to cut in
_LEAST_SCORE = -3.8  # mean log probability a frame. Held-out slt: right words > -2.8, wrong ones < -4.7 (docs/LOG.md)


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """One recording: what identifies it to the caller, its waveform (float32 at 16 kHz) and its phonemes."""

    label: str
    waveform: np.ndarray = field(repr=False)
    phonemes: Phonemes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unusable:
    """A recording that was left out, and why."""

    label: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What training gets."""

    examples: tuple[Example, ...]
    unusable: tuple[Unusable, ...]
    median_semitones: float  # over 1 Hz: the speaker's usual pitch
    labels: tuple[str, ...] = ()  # of each example, the recording that it was cut from


def prepare(recordings: Sequence[Spoken], aligner: Aligner, codes: AlignmentCodes) -> Prepared:
    """Align every recording and cut it into examples of at most 6.4 s; AlignmentError if nobody speaks in any."""
    levelled = [acoustic.level(recording.waveform) for recording in recordings]
    pitches = [semitones(waveform) for waveform in levelled]
    voiced = np.concatenate([pitch[~np.isnan(pitch)] for pitch in pitches])
    if not voiced.size:
        raise AlignmentError("no voice was found in any recording")
    median = float(np.median(voiced))
    examples: list[Example] = []
    labels: list[str] = []
    unusable: list[Unusable] = []
    for recording, waveform in zip(recordings, levelled, strict=True):
        try:
            alignment = _align(recording, waveform, aligner, codes)
            pieces = cut_at_pauses(alignment, waveform)
            made = [make_example(0, piece, symbols, ends, median, codes) for piece, symbols, ends in pieces]
            long_enough = [example for example in made if len(example.tokens) >= _LEAST_TOKENS]
            if not long_enough:
                raise AlignmentError("it is shorter than 0.8 s")
        except AlignmentError as error:
            unusable.append(Unusable(recording.label, str(error)))
            continue
        examples += long_enough
        labels += [recording.label] * len(long_enough)
    return Prepared(tuple(examples), tuple(unusable), median, tuple(labels))


def _align(recording: Spoken, waveform: np.ndarray, aligner: Aligner, codes: AlignmentCodes) -> Alignment:
    symbols = codes.framed(recording.phonemes.symbols)
    added = len(symbols) - len(recording.phonemes.symbols) - 1  # a final silence, if the text had no mark there
    word_ends = (True, *recording.phonemes.word_ends, *([True] * added))
    alignment = aligner.align(waveform, symbols, word_ends)
    if alignment.score < _LEAST_SCORE:
        raise AlignmentError("the recording does not seem to say its transcript")
    return alignment


def cut_at_pauses(alignment: Alignment, waveform: np.ndarray) -> list[tuple[np.ndarray, list[str], list[float]]]:
    """(waveform, symbols, ends in seconds) of pieces of at most 6.4 s where the speaker paused often enough.

    A cut lies in the middle of a pause; each piece begins and ends in silence. AlignmentError where a stretch without a
    pause is more than twice as long: nobody speaks so, the alignment is wrong.
    """
    begins = (0.0, *alignment.ends_s[:-1])
    pieces: list[tuple[np.ndarray, list[str], list[float]]] = []
    first, start_s = 0, 0.0
    candidate: int | None = None
    index = 0
    last = len(alignment.symbols) - 1
    while index <= last:
        silent = phone_of(alignment.symbols[index]) == SILENCE
        if silent and 0 < index < last and alignment.ends_s[index] - begins[index] >= _PAUSE_S and index > first:
            candidate = index
        too_long = alignment.ends_s[index] - start_s > _LONGEST_S
        if too_long and candidate is not None and candidate > first:
            middle = (begins[candidate] + alignment.ends_s[candidate]) / 2
            pieces.append(_piece(alignment, waveform, first, candidate, start_s, middle))
            first, start_s, index, candidate = candidate, middle, candidate + 1, None
            continue
        index += 1
    pieces.append(_piece(alignment, waveform, first, last, start_s, len(waveform) / acoustic.SAMPLE_RATE))
    if any(len(piece) > 2 * _LONGEST_S * acoustic.SAMPLE_RATE for piece, _, _ in pieces):
        raise AlignmentError("no pause was found in a long stretch of it")
    return pieces


def _piece(
    alignment: Alignment, waveform: np.ndarray, first: int, last: int, start_s: float, stop_s: float
) -> tuple[np.ndarray, list[str], list[float]]:
    """Symbols *first* to *last*, both of them silences that may be cut."""
    symbols = [SILENCE if index == first else alignment.symbols[index] for index in range(first, last + 1)]
    # Also where somebody speaks from the first sample on: a token of silence is what every prompt begins with.
    ends = [max(_TOKEN_S, min(alignment.ends_s[index], stop_s) - start_s) for index in range(first, last + 1)]
    cut = waveform[round(start_s * acoustic.SAMPLE_RATE) : round(stop_s * acoustic.SAMPLE_RATE)]
    return cut, symbols, ends

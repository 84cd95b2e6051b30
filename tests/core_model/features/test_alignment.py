"""Viterbi's search against every path there is, and the aligner against the times of the engine that spoke."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.alignment_codes import AlignmentCodes, phone_of
from core_model.errors import AlignmentError
from core_model.features import acoustic, audio
from core_model.features.alignment import (
    FRAME_RATE,
    MEL_BINS,
    Aligner,
    AlignerDims,
    Alignment,
    PhoneClassifier,
    mel_for_alignment,
    viterbi,
)
from core_model.text.front_end import FrontEnd

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
CODES = AlignmentCodes()


def every_path(frames: int, least: Sequence[int], optional: Sequence[bool]) -> Iterator[tuple[int, ...]]:
    """All lengths of the states that fill *frames*: the slow obvious way."""
    choices = [
        [*([0] if may_vanish else []), *range(shortest, frames + 1)]
        for shortest, may_vanish in zip(least, optional, strict=True)
    ]
    yield from (lengths for lengths in itertools.product(*choices) if sum(lengths) == frames)


@st.composite
def searches(draw: st.DrawFn) -> tuple[np.ndarray, list[int], list[bool]]:
    states = draw(st.integers(1, 5))
    frames = draw(st.integers(1, 9))
    least = draw(st.lists(st.integers(1, 3), min_size=states, max_size=states))
    optional = draw(st.lists(st.booleans(), min_size=states, max_size=states))
    seed = draw(st.integers(0, 2**32))
    return np.random.default_rng(seed).standard_normal((frames, states)), least, optional


@settings(deadline=None, max_examples=300)
@given(searches())
def test_the_search_finds_the_best_of_all_paths(search: tuple[np.ndarray, list[int], list[bool]]) -> None:
    scores, least, optional = search
    frames, states = scores.shape
    paths = {
        lengths: sum(scores[frame, state] for frame, state in enumerate(np.repeat(np.arange(states), lengths)))
        for lengths in every_path(frames, least, optional)
    }
    if not paths:
        with pytest.raises(AlignmentError, match="too short"):
            viterbi(scores, least, optional)
        return
    ends, score = viterbi(scores, least, optional)
    lengths = tuple(np.diff([0, *ends]).tolist())
    best = max(paths, key=lambda path: paths[path])
    assert lengths == best
    assert score == pytest.approx(paths[best] / frames)


def test_several_optional_states_in_a_row_may_all_be_left_out() -> None:
    """A word's pause and the comma after it: whoever speaks on has neither."""
    scores = np.zeros((6, 4))
    scores[:, 1:3] = -10.0
    ends, score = viterbi(scores, [2, 3, 3, 2], [False, True, True, False])
    assert ends[0] == ends[1] == ends[2]
    assert score == 0.0


def test_mel_does_not_hear_loudness_or_microphone() -> None:
    waveform, rate = audio.load(EXAMPLES / "02.flac").waveform, 16_000
    mel = mel_for_alignment(waveform)
    assert mel.shape == (MEL_BINS, len(waveform) * FRAME_RATE // rate)
    np.testing.assert_allclose(mel.mean(axis=1), 0, atol=1e-3)
    assert mel.std() == pytest.approx(1, abs=1e-3)
    assert np.abs(mel_for_alignment(waveform * 0.5) - mel).mean() < 0.05


def test_digital_silence_is_no_division_by_zero() -> None:
    assert np.isfinite(mel_for_alignment(np.zeros(16_000, np.float32))).all()


class Oracle(PhoneClassifier):
    """Knows which phone is spoken in every frame, whatever it hears."""

    def __init__(self, phones: Sequence[str]) -> None:
        super().__init__(AlignerDims(width=4, dilations=(1,)))
        probability = torch.full((1, len(CODES.phones), len(phones)), 1e-4)
        for frame, phone in enumerate(phones):
            probability[0, CODES.phones.index(phone), frame] = 1.0
        self.answer = probability.log()

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        return self.answer[:, :, : mel.shape[2]]


def aligned_by_oracle(
    spoken: Sequence[tuple[str, int]], symbols: Sequence[str], word_ends: Sequence[bool]
) -> Alignment:
    phones = [phone for phone, frames in spoken for _ in range(frames)]
    noise = np.random.default_rng(1).standard_normal(len(phones) * 160).astype(np.float32)
    return Aligner(Oracle(phones), CODES).align(noise, symbols, word_ends)


SYMBOLS = ("SP", "HH", "AY1", ",", "Y", "UW1", ".")  # hi, you.
WORD_ENDS = (True, False, True, True, False, True, True)


def test_a_pause_is_found_where_one_was_made() -> None:
    spoken = (("SP", 10), ("HH", 5), ("AY", 12), ("SP", 20), ("Y", 6), ("UW", 11), ("SP", 9))
    alignment = aligned_by_oracle(spoken, SYMBOLS, WORD_ENDS)
    pauses = [symbol for symbol in alignment.symbols if phone_of(symbol) == "SP"]
    assert [s for s in alignment.symbols if phone_of(s) != "SP"] == ["HH", "AY1", "Y", "UW1"]
    assert pauses[0] == "SP" and "," in pauses and pauses[-1] == "."
    ends = dict(zip(alignment.symbols, alignment.ends_s, strict=True))
    expected = {"HH": 0.15, "AY1": 0.27, ",": 0.47, "Y": 0.53, "UW1": 0.64, ".": 0.73}
    assert {symbol: ends[symbol] for symbol in expected} == expected
    assert alignment.score == pytest.approx(0, abs=1e-6)


def test_where_nobody_paused_there_is_no_pause() -> None:
    """Neither at the comma nor at either end: not a single frame of a phone is given away to silence."""
    spoken = (("HH", 5), ("AY", 12), ("Y", 6), ("UW", 11))
    alignment = aligned_by_oracle(spoken, SYMBOLS, WORD_ENDS)
    ends = dict(zip(alignment.symbols, alignment.ends_s, strict=True))
    assert {symbol: ends[symbol] for symbol in ("HH", "AY1", "Y", "UW1")} == {
        "HH": 0.05,
        "AY1": 0.17,
        "Y": 0.23,
        "UW1": 0.34,
    }
    assert ends[","] == 0.17  # the mark stays, without a length: it is part of the phonemes
    assert alignment.score == pytest.approx(0, abs=1e-6)


def test_too_many_phones_for_the_recording_are_refused() -> None:
    with pytest.raises(AlignmentError, match="too short for its transcript"):
        aligned_by_oracle((("HH", 5), ("AY", 5)), SYMBOLS, WORD_ENDS)


def align_with_base(waveform: np.ndarray, text: str) -> Alignment:
    from core_model.nano import base

    phonemes = FrontEnd().phonemize(text, "en")
    symbols = CODES.framed(phonemes.symbols)
    word_ends = (True, *phonemes.word_ends, *[True] * (len(symbols) - len(phonemes) - 1))
    return base.load().aligner.align(acoustic.level(waveform), symbols, word_ends)


def test_the_base_hears_which_words_an_example_says() -> None:
    """slt is nobody the base was trained on. Right words score far above wrong ones of the same length."""
    waveform = audio.load(EXAMPLES / "02.flac", 16_000).waveform
    right = align_with_base(waveform, (EXAMPLES / "02.txt").read_text())
    wrong = align_with_base(waveform, (EXAMPLES / "04.txt").read_text())
    assert right.score > -3.8 > wrong.score
    assert list(right.ends_s) == sorted(right.ends_s)
    assert right.ends_s[-1] == pytest.approx(len(waveform) / 16_000, abs=0.02)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed: it spoke the examples, and knows when")
def test_boundaries_are_near_the_engines_own() -> None:
    """All examples, said again by the engine that said them; only phones that both sides name alike are compared."""
    from core_model.nano import speech

    texts = [path.read_text().strip() for path in sorted(EXAMPLES.glob("*.txt"))]
    errors: list[float] = []
    for spoken in speech._flite(speech.Speaker("flite", "slt"), texts):
        alignment = align_with_base(spoken.waveform, spoken.text)
        ours = [
            (phone_of(s), end)
            for s, end in zip(alignment.symbols, alignment.ends_s, strict=True)
            if phone_of(s) != "SP"
        ]
        theirs = [(phone, end) for phone, end in spoken.phones if phone != "SP"]
        if [phone for phone, _ in ours] == [phone for phone, _ in theirs]:
            errors += [abs(a - b) for (_, a), (_, b) in zip(ours, theirs, strict=True)]
    median, most = np.median(errors), np.percentile(errors, 90)
    print(f"{len(errors)} boundaries: median {1000 * median:.0f} ms, 90 % within {1000 * most:.0f} ms")
    assert len(errors) > 100
    assert median < 0.02
    assert most < 0.06

"""Recordings become pieces that cover them, begin and end in silence, and say what their transcript says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.alignment_codes import phone_of
from core_model.errors import AlignmentError
from core_model.features import audio
from core_model.features.alignment import Alignment
from core_model.nano import base
from core_model.text.front_end import FrontEnd
from core_model.text.symbols import V2
from core_model.training.preparation import Prepared, Spoken, cut_at_pauses, prepare
from tests.core_model.training.tiny import CODES

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
RATE = 16_000


def alignment_of(lengths: list[tuple[str, float]]) -> tuple[Alignment, np.ndarray]:
    """Symbols with their lengths in seconds, and a waveform whose samples count up, so that pieces can be placed."""
    ends = np.cumsum([length for _, length in lengths])
    waveform = np.arange(round(ends[-1] * RATE), dtype=np.float32)
    return Alignment(tuple(symbol for symbol, _ in lengths), tuple(ends.tolist()), 0.0), waveform


@st.composite
def spoken(draw: st.DrawFn) -> list[tuple[str, float]]:
    """Words with a pause after some of them, up to about a minute."""
    seed = draw(st.integers(0, 10**6))
    words = draw(st.integers(1, 60))
    rng = np.random.default_rng(seed)
    lengths = [("SP", float(rng.uniform(0.0, 0.3)))]
    for word in range(words):
        lengths += [(str(phone), float(rng.uniform(0.03, 0.25))) for phone in rng.choice(["HH", "AY1", "L", "OW0"], 4)]
        if rng.random() < 0.5:
            lengths.append((["SP", ","][word % 2], float(rng.uniform(0.08, 0.6))))
    return [*lengths, (".", float(rng.uniform(0.0, 0.3)))]


@settings(deadline=None, max_examples=60)
@given(spoken())
def test_pieces_cover_the_recording_and_begin_and_end_in_silence(lengths: list[tuple[str, float]]) -> None:
    alignment, waveform = alignment_of(lengths)
    try:
        pieces = cut_at_pauses(alignment, waveform)
    except AlignmentError:
        assert longest_without_a_pause(lengths) > 6.0
        return
    np.testing.assert_array_equal(np.concatenate([piece for piece, _, _ in pieces]), waveform)
    said = [symbol for _, symbols, _ in pieces for symbol in symbols if phone_of(symbol) != "SP"]
    assert said == [symbol for symbol in alignment.symbols if phone_of(symbol) != "SP"]
    for piece, symbols, ends in pieces:
        assert phone_of(symbols[0]) == phone_of(symbols[-1]) == "SP"
        assert len(symbols) == len(ends)
        assert ends[0] >= 0.04
        assert all(0 < end <= len(piece) / RATE + 0.041 for end in ends)
        assert len(piece) <= 12.8 * RATE


def longest_without_a_pause(lengths: list[tuple[str, float]]) -> float:
    longest = run = 0.0
    for symbol, length in lengths:
        run = 0.0 if phone_of(symbol) == "SP" and length >= 0.08 else run + length
        longest = max(longest, run)
    return longest


def test_nothing_longer_than_stated_where_somebody_pauses_every_second() -> None:
    lengths = [("SP", 0.2), *[("AY1", 0.25), ("L", 0.25), ("OW1", 0.3), ("SP", 0.2)] * 40, ("AY1", 0.3), (".", 0.2)]
    alignment, waveform = alignment_of(lengths)
    pieces = cut_at_pauses(alignment, waveform)
    assert max(len(piece) for piece, _, _ in pieces) <= 6.4 * RATE
    assert min(len(piece) for piece, _, _ in pieces[:-1]) > 5 * RATE  # and no shorter than need be


def test_a_cut_lies_in_the_middle_of_a_pause() -> None:
    lengths = [("SP", 0.5), ("AY1", 5.0), (",", 0.4), ("L", 5.0), (".", 0.5)]
    (first, symbols, ends), (second, *_) = cut_at_pauses(*alignment_of(lengths))
    assert symbols == ["SP", "AY1", ","]
    assert ends == pytest.approx([0.5, 5.5, 5.7])
    assert (len(first), second[0]) == (round(5.7 * RATE), round(5.7 * RATE))


def test_a_short_recording_stays_whole() -> None:
    alignment, waveform = alignment_of([("SP", 0.1), ("AY1", 1.0), ("SP", 0.5), ("L", 1.0), (".", 0.1)])
    assert len(cut_at_pauses(alignment, waveform)) == 1


def test_a_long_stretch_without_a_pause_is_refused() -> None:
    with pytest.raises(AlignmentError, match="no pause"):
        cut_at_pauses(*alignment_of([("SP", 0.1), *[("AY1", 0.5)] * 30, (".", 0.1)]))


def test_speech_from_the_first_sample_on_keeps_its_first_phone() -> None:
    (_, symbols, ends), *_ = cut_at_pauses(*alignment_of([("SP", 0.0), ("HH", 0.1), ("AY1", 1.0), (".", 0.0)]))
    assert symbols == ["SP", "HH", "AY1", "."]
    assert ends[0] == 0.04  # the token that every prompt begins with


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    """With the embedded base: two examples, one with the other's words, one of noise, one cut short."""
    front_end = FrontEnd()
    waveforms = {name: audio.load(EXAMPLES / f"{name}.flac", RATE).waveform for name in ("02", "04", "09")}
    texts = {name: (EXAMPLES / f"{name}.txt").read_text() for name in (*waveforms, "08")}
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(4 * RATE).astype(np.float32) * 0.1
    recordings = [
        Spoken("right", waveforms["02"], front_end.phonemize(texts["02"], "en")),
        Spoken("swapped", waveforms["04"], front_end.phonemize(texts["08"], "en")),
        Spoken("noise", noise, front_end.phonemize(texts["04"], "en")),
        Spoken("cut short", waveforms["04"][: RATE // 2], front_end.phonemize(texts["04"], "en")),
        Spoken("one word", waveforms["02"][int(0.1 * RATE) : int(0.7 * RATE)], front_end.phonemize("Joy", "en")),
        Spoken("also right", waveforms["09"], front_end.phonemize(texts["09"], "en")),
    ]
    return prepare(recordings, base.load().aligner, CODES)


def test_wrong_transcripts_are_refused_with_the_reason(prepared: Prepared) -> None:
    reasons = {unusable.label: unusable.reason for unusable in prepared.unusable}
    assert reasons.keys() == {"swapped", "noise", "cut short", "one word"}
    assert reasons["swapped"] == reasons["noise"] == "the recording does not seem to say its transcript"
    assert reasons["cut short"] == "the recording is too short for its transcript"


def test_right_ones_become_examples_that_say_all_their_words(prepared: Prepared) -> None:
    front_end = FrontEnd()
    expected = [
        phone_of(symbol)
        for name in ("02", "09")
        for symbol in front_end.phonemize((EXAMPLES / f"{name}.txt").read_text(), "en").symbols
    ]
    phonemes = [V2[row] for example in prepared.examples for row in example.phonemes]
    assert [phone_of(s) for s in phonemes if phone_of(s) != "SP"] == [phone for phone in expected if phone != "SP"]
    assert len(prepared.labels) == len(prepared.examples)
    assert sorted(set(prepared.labels)) == ["also right", "right"]
    for example in prepared.examples:
        assert example.tokens[0] == CODES.first_token
        assert example.speaker == 0
        assert 20 <= len(example.tokens) <= 160
        voiced = CODES.split(example.tokens)[2] > 0
        assert 0.3 < voiced.mean() < 0.9


def test_the_median_pitch_is_the_speakers(prepared: Prepared) -> None:
    assert 150 < 2 ** (prepared.median_semitones / 12) < 220  # slt: about 175 Hz


def test_recordings_without_any_voice_are_refused() -> None:
    phonemes = FrontEnd().phonemize("Hello.", "en")
    with pytest.raises(AlignmentError, match="no voice"):
        prepare([Spoken("silence", np.zeros(RATE, np.float32), phonemes)], base.load().aligner, CODES)

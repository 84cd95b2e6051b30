"""The codes cannot lose a word: whatever is drawn under the grammar says every phone, in order, and can end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_model.alignment_codes import SILENCE, AlignmentCodes, frames_from_seconds, phone_of
from core_model.text.symbols import V2

CODES = AlignmentCodes()
SPOKEN = ("HH", "AH0", "L", "OW1", "W", "ER1", "L", "L", "D", "TH")
MARKS = (",", ".", "?", "!", "…", SILENCE)
any_symbols = st.lists(st.sampled_from((*SPOKEN, *MARKS)), max_size=12)


def test_the_layout_is_what_voices_record() -> None:
    assert (CODES.count, CODES.end_of_speech, CODES.first_token) == (960, 960, 12)
    assert CODES.split(np.array([CODES.first_token])) == (0, True, 0)
    assert AlignmentCodes.from_scheme(CODES.scheme()) == CODES


@pytest.mark.parametrize("wrong", [{"phones": "AA"}, {"pitch_levels": 1.5}, {"pitch_step": "2"}])
def test_a_scheme_of_the_wrong_type_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="token_scheme"):
        AlignmentCodes.from_scheme(CODES.scheme() | wrong)


def test_phones_lose_their_stress_and_marks_are_silences() -> None:
    assert [phone_of(s) for s in ("AH0", "ER1", "UW2", "T", ",", "SP", "UNK", "…")] == [
        "AH",
        "ER",
        "UW",
        "T",
        *["SP"] * 4,
    ]
    table = {phone_of(symbol) for symbol in V2}
    assert set(CODES.phones) <= table  # every phone can be written with the front end's symbols
    assert CODES.phones[0] == SILENCE


def test_what_is_spoken_begins_and_ends_in_silence() -> None:
    assert CODES.framed(("HH", "AY1")) == ("SP", "HH", "AY1", ".")
    assert CODES.framed(("HH", "AY1", "!")) == ("SP", "HH", "AY1", "!")
    assert CODES.framed(()) == ("SP", ".")


def said(tokens: list[int]) -> list[str]:
    """The phones that begin, silences left out."""
    phones, begins, _ = CODES.split(np.array(tokens, dtype=np.int64))
    return [CODES.phones[phone] for phone, begin in zip(phones, begins, strict=True) if begin and phone != 0]


@given(any_symbols, st.randoms(use_true_random=False))
def test_any_drawing_under_the_grammar_says_every_phone_in_order_and_ends(symbols: list[str], random) -> None:
    """Drawn evenly from what is legal. Nothing but the mask keeps it to the text, and nothing else ends it."""
    framed = CODES.framed(symbols)
    grammar = CODES.grammar(framed)
    tokens = [CODES.first_token]
    spoken = [phone_of(symbol) for symbol in framed if phone_of(symbol) != SILENCE]
    while True:
        legal = np.flatnonzero(grammar.legal())
        assert legal.size, "no code may follow"
        assert (CODES.end_of_speech in legal) == (said(tokens) == spoken)
        token = int(random.choice(list(legal)))
        if token == CODES.end_of_speech:
            break
        grammar.accept(token)
        tokens.append(token)
        assert said(tokens) == spoken[: len(said(tokens))], "a phone was skipped, or said twice"
    assert said(tokens) == spoken


@given(any_symbols)
def test_the_laziest_drawing_ends_too(symbols: list[str]) -> None:
    """Whoever always holds the phone at hand is pushed on, and out, by the limits; the mask is empty at no step."""
    grammar = CODES.grammar(CODES.framed(symbols))
    for _ in range(20 * (len(symbols) + 3)):
        legal = np.flatnonzero(grammar.legal())
        _, begins, _ = CODES.split(legal)
        held = [int(token) for token, begin in zip(legal, begins, strict=True) if not begin and token < CODES.count]
        token = held[0] if held else int(legal[0])
        if token == CODES.end_of_speech:
            return
        grammar.accept(token)
    pytest.fail("it never ended")


@given(any_symbols)
def test_silences_are_optional(symbols: list[str]) -> None:
    """Phones alone, one token each, are legal; end of speech is then legal at once."""
    framed = CODES.framed(symbols)
    grammar = CODES.grammar(framed)
    for symbol in framed:
        phone = CODES.phones.index(phone_of(symbol))
        if phone:
            token = (phone * 2 + 1) * CODES.pitch_levels + 3
            assert grammar.legal()[token]
            grammar.accept(token)
    assert grammar.legal()[CODES.end_of_speech]


def test_silence_has_no_pitch_and_held_phones_have_a_limit() -> None:
    grammar = CODES.grammar(("SP", "L", "L", "."))
    silent = grammar.legal()[: 2 * CODES.pitch_levels]
    assert np.flatnonzero(silent).tolist() == [0]  # held, unvoiced; a second silence may not begin, only L
    begins = (CODES.phones.index("L") * 2 + 1) * CODES.pitch_levels
    grammar.accept(begins)
    for _ in range(4):
        assert grammar.legal()[begins - CODES.pitch_levels]
        grammar.accept(begins - CODES.pitch_levels)
    assert not grammar.legal()[begins - CODES.pitch_levels]  # 5 tokens, 0.2 s: an L is no longer
    assert grammar.legal()[begins]  # the second L


@st.composite
def aligned(draw: st.DrawFn) -> tuple[list[str], list[int], np.ndarray]:
    symbols = draw(st.lists(st.sampled_from((*SPOKEN, *MARKS)), min_size=1, max_size=12))
    least = [0 if phone_of(symbol) == SILENCE else 1 for symbol in symbols]
    lengths = [draw(st.integers(n, 4)) for n in least]
    if not sum(lengths):
        lengths[0] = 1
    pitch = draw(st.lists(st.integers(0, 11), min_size=sum(lengths), max_size=sum(lengths)))
    return symbols, np.cumsum(lengths).tolist(), np.array(pitch)


@given(aligned())
def test_encoding_then_splitting_gives_phones_beginnings_and_pitch_back(
    utterance: tuple[list[str], list[int], np.ndarray],
) -> None:
    symbols, ends, pitch = utterance
    phones, begins, levels = CODES.split(CODES.encode(symbols, ends, pitch))
    expected_phones, expected_begins = [], []
    for symbol, begin, end in zip(symbols, [0, *ends], ends, strict=False):
        expected_phones += [phone_of(symbol)] * (end - begin)
        expected_begins += [True] * min(1, end - begin) + [False] * (end - begin - 1)
    assert [CODES.phones[phone] for phone in phones] == expected_phones
    assert begins.tolist() == expected_begins
    assert levels.tolist() == [0 if phone == SILENCE else p for phone, p in zip(expected_phones, pitch, strict=True)]


@given(aligned())
def test_what_is_encoded_is_legal_to_speak(utterance: tuple[list[str], list[int], np.ndarray]) -> None:
    """What GPT learns from is what its grammar lets it say."""
    symbols, ends, pitch = utterance
    framed = ["SP", *symbols, "."]
    codes = CODES.encode(framed, [1, *(end + 1 for end in ends), ends[-1] + 2], np.concatenate([[0], pitch, [0]]))
    grammar = CODES.grammar(framed)
    assert codes[0] == CODES.first_token
    for code in codes[1:]:
        assert grammar.legal()[code]
        grammar.accept(int(code))
    assert grammar.legal()[CODES.end_of_speech]


def test_pitch_levels() -> None:
    semitones = np.array([np.nan, 0.0, 2.0, -2.0, 0.9, 1.1, 100.0, -100.0])
    assert CODES.quantize_pitch(semitones).tolist() == [0, 6, 7, 5, 6, 7, 11, 1]


@given(st.lists(st.tuples(st.floats(0, 0.5), st.booleans()), min_size=1, max_size=20), st.integers(1, 200))
def test_frames_keep_order_least_lengths_and_total(phones: list[tuple[float, bool]], total: int) -> None:
    ends_s = np.cumsum([length for length, _ in phones]).tolist()
    optional = [may_vanish for _, may_vanish in phones]
    ends = frames_from_seconds(ends_s, optional, 0.04, total)
    needed = optional.count(False)
    assert (ends is None) == (needed > total)
    if ends is None:
        return
    lengths = np.diff([0, *ends])
    assert ends[-1] == total
    assert all(length >= (0 if may_vanish else 1) for length, may_vanish in zip(lengths, optional, strict=True))


def test_frames_are_the_nearest_where_there_is_room() -> None:
    assert frames_from_seconds([0.05, 0.19, 0.41], [True, False, False], 0.04, 10) == [1, 5, 10]
    assert frames_from_seconds([0.0, 0.01, 0.02], [True, False, False], 0.04, 3) == [0, 1, 3]
    assert frames_from_seconds([0.5, 0.5, 0.5], [False, False, False], 0.04, 3) == [1, 2, 3]


def test_every_phone_has_a_limit_of_its_own() -> None:
    held = {}
    for phone in CODES.phones[1:]:
        grammar = CODES.grammar(("SP", phone, "B" if phone == "P" else "P"))
        begins = (CODES.phones.index(phone) * 2 + 1) * CODES.pitch_levels
        grammar.accept(begins)
        count = 1
        while grammar.legal()[begins - CODES.pitch_levels]:
            grammar.accept(begins - CODES.pitch_levels)
            count += 1
        held[phone] = count
    assert min(held.values()) == 4
    assert held["T"] < held["S"] < held["AW"] < held["OY"] == max(held.values())

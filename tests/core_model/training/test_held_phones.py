"""Histories with phones that are held too long: what was added, and what should be said after it."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core_model.alignment_codes import AlignmentCodes
from core_model.training.held_phones import Histories, as_they_are, held

CODES = AlignmentCodes()
END = CODES.end_of_speech


def encoded(phones: list[tuple[int, int]]) -> np.ndarray:
    """(phone, how many tokens) in order -> tokens, each phone at a pitch of its own."""
    tokens = []
    for index, (phone, count) in enumerate(phones):
        level = 0 if phone == 0 else 1 + index % (CODES.pitch_levels - 1)
        tokens += [(phone * 2 + (frame == 0)) * CODES.pitch_levels + level for frame in range(count)]
    return np.array(tokens)


def padded(rows: list[np.ndarray]) -> Histories:
    lengths = np.array([len(row) for row in rows])
    tokens = np.zeros((len(rows), lengths.max()), dtype=np.int64)
    for row, one in zip(tokens, rows, strict=True):
        row[: len(one)] = one
    return as_they_are(tokens, lengths, END)


def phones_of(tokens: np.ndarray) -> list[tuple[int, int]]:
    """The inverse of `encoded`, pitch aside."""
    phones, begins, _ = CODES.split(tokens)
    found: list[list[int]] = []
    for phone, begin in zip(phones.tolist(), begins.tolist(), strict=True):
        if begin:
            found.append([phone, 0])
        assert found[-1][0] == phone
        found[-1][1] += 1
    return [(phone, count) for phone, count in found]


utterances = st.lists(st.tuples(st.integers(0, 39), st.integers(1, 4)), min_size=1, max_size=12)


def test_as_they_are_says_the_next_token_and_then_the_end() -> None:
    plain = padded([np.array([12, 0, 36]), np.array([12])])
    assert plain.following.tolist() == [[0, 36, END], [END, -1, -1]]


@given(st.lists(utterances, min_size=1, max_size=3), st.integers(0, 2**32))
def test_only_holds_are_added_and_after_each_one_goes_on(rows: list[list[tuple[int, int]]], seed: int) -> None:
    plain = padded([encoded(row) for row in rows])
    read = held(plain, CODES, 0.5, np.random.default_rng(seed))
    for index, row in enumerate(rows):
        length = read.lengths[index]
        longer = phones_of(read.tokens[index, :length])
        assert [phone for phone, _ in longer] == [phone for phone, _ in row]
        successors = iter(plain.following[index, : plain.lengths[index]].tolist())
        place = 0
        for (_, before), (_, after) in zip(row, longer, strict=True):
            assert before <= after <= before + 10
            true = list(itertools.islice(successors, before))
            said = read.following[index, place : place + after].tolist()
            assert said == true + [true[-1]] * (after - before)  # what was added is answered as the phone's end is
            place += after
        assert (read.following[index, length:] == -1).all()


def test_no_share_changes_nothing_and_a_whole_one_every_phone() -> None:
    plain = padded([encoded([(0, 3), (5, 2), (9, 1), (0, 2)])])
    none = held(plain, CODES, 0.0, np.random.default_rng(0))
    assert np.array_equal(none.tokens, plain.tokens)
    assert np.array_equal(none.following, plain.following)
    every = held(plain, CODES, 1.0, np.random.default_rng(0))
    counts = [count for _, count in phones_of(every.tokens[0])]
    assert all(count > before for count, before in zip(counts, (3, 2, 1, 2), strict=True))


def test_an_added_token_keeps_the_pitch_of_the_phones_end() -> None:
    plain = padded([np.array([(7 * 2 + 1) * 12 + 4, (7 * 2) * 12 + 9])])
    read = held(plain, CODES, 1.0, np.random.default_rng(0))
    assert set(read.tokens[0, 1:].tolist()) == {(7 * 2) * 12 + 9}

"""Utterances in which some phones are held too long, and what should be said next all the same.

Knows tokens as `core_model.alignment_codes` lays them out; nothing of networks. GPT is taught with flawless histories
and speaks with its own: once it has held a phone far too long, every next one looks as if it had to be held too. So
some phones are lengthened in what it reads, and what it should say after each of the added tokens is what came after
the phone in truth: go on. In the manner of Ross 2011 (DAgger), with mistakes that are drawn instead of observed.
B utterances, T tokens, T' with those that were added.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from core_model.alignment_codes import AlignmentCodes

_MOST_ADDED = 10  # tokens, 0.4 s


@dataclass(frozen=True, slots=True)
class Holding:
    """Which share of the phones is held too long, and how tokens tell phones apart."""

    codes: AlignmentCodes
    share: float


@dataclass(frozen=True, slots=True)
class Histories:
    """What is read, and after each token of it what should be said; padded with zeros and with -1."""

    tokens: np.ndarray = field(repr=False)  # (B, T')
    lengths: np.ndarray = field(repr=False)  # (B,)
    following: np.ndarray = field(repr=False)  # (B, T')

    def rows(self, which: slice) -> Histories:
        """Some of the utterances, padded as they are."""
        return Histories(self.tokens[which], self.lengths[which], self.following[which])


def as_they_are(tokens: np.ndarray, lengths: np.ndarray, end_of_speech: int) -> Histories:
    """Each token's own successor; the last one's is *end_of_speech*. (B, T), (B,)."""
    following = np.full_like(tokens, -1)
    for row, length in enumerate(lengths):
        following[row, :length] = [*tokens[row, 1:length], end_of_speech]
    return Histories(tokens, lengths, following)


def held(plain: Histories, codes: AlignmentCodes, share: float, rng: np.random.Generator) -> Histories:
    """*share* of the phones of each utterance held 1 to 10 tokens longer, at the pitch that they end with."""
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    for tokens, length, following in zip(plain.tokens, plain.lengths, plain.following, strict=True):
        read, said = tokens[:length], following[:length]
        _, begins, _ = codes.split(read)
        last = np.append(begins[1:], True)  # of its phone
        added = np.where(last & (rng.random(length) < share), rng.integers(1, _MOST_ADDED + 1, length), 0)
        copies = 1 + added
        first = np.zeros(copies.sum(), dtype=bool)
        first[np.cumsum(copies) - copies] = True
        repeated = np.repeat(read, copies)
        going_on = np.where(np.repeat(begins, copies) & ~first, repeated - codes.pitch_levels, repeated)
        rows.append((going_on, np.repeat(said, copies)))
    lengths = np.array([len(read) for read, _ in rows])
    tokens = np.zeros((len(rows), lengths.max()), dtype=plain.tokens.dtype)
    following = np.full_like(tokens, -1)
    for row, (read, said) in enumerate(rows):
        tokens[row, : len(read)], following[row, : len(said)] = read, said
    return Histories(tokens, lengths, following)

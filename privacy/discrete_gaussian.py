"""Integers from the discrete Gaussian, exactly: the noise of every release, from the operating system alone.

Knows no vectors and no privacy. There is no seed, generator or state to pass: noise that can be drawn again can be
taken off again. Reference: Canonne, Kamath & Steinke 2020, Algorithms 1 to 3; every decision is a comparison of
integers, so that no rounding of floats shapes the distribution (Mironov 2012 says what that would cost).

    Pr[k] proportional to exp(-k^2 / (2 sigma^2)),  k and sigma integers

What is not hidden is time: how long a draw takes depends on what is drawn, a little. Nobody should time it.
"""

from __future__ import annotations

import os

_CHUNK_BYTES = 4096


class _Integers:
    """Uniform integers of os.urandom's bytes; what is left in the buffer dies with the call that made it."""

    __slots__ = ("_buffer", "_place")

    def __init__(self) -> None:
        self._buffer = b""
        self._place = 0

    def below(self, limit: int) -> int:
        """Uniform in 0 .. limit-1, by rejection."""
        bits = (limit - 1).bit_length()
        count = (bits + 7) // 8
        surplus = 8 * count - bits
        while True:
            drawn = int.from_bytes(self._take(count), "big") >> surplus
            if drawn < limit:
                return drawn

    def _take(self, count: int) -> bytes:
        if self._place + count > len(self._buffer):
            self._buffer, self._place = os.urandom(max(count, _CHUNK_BYTES)), 0
        taken = self._buffer[self._place : self._place + count]
        self._place += count
        return taken


def discrete_gaussian(sigma: int, count: int) -> list[int]:
    """*count* independent integers of the discrete Gaussian with parameter *sigma* >= 1, which is an integer too.

    Its variance is sigma^2 or a little less: by 3 parts in 10^7 at sigma = 1, by less than any float knows from 3 on.
    """
    if sigma < 1:
        raise ValueError(f"sigma is {sigma}; it has to be an integer of 1 or more")
    integers = _Integers()
    return [_gaussian(integers, sigma) for _ in range(count)]


def _gaussian(integers: _Integers, sigma: int) -> int:
    """Algorithm 3: a discrete Laplace value of scale sigma+1, kept with probability exp(-(|k| - s^2/t)^2 / (2 s^2))."""
    scale = sigma + 1
    square = sigma * sigma
    below = 2 * square * scale * scale
    while True:
        drawn = _laplace(integers, scale)
        off = abs(drawn) * scale - square
        if _happens(integers, off * off, below):
            return drawn


def _laplace(integers: _Integers, scale: int) -> int:
    """Algorithm 2 with scale t/1: Pr[k] proportional to exp(-|k|/scale)."""
    while True:
        offset = integers.below(scale)
        if not _happens(integers, offset, scale):
            continue
        rounds = 0
        while _happens(integers, 1, 1):
            rounds += 1
        negative = integers.below(2) == 1
        magnitude = offset + scale * rounds
        if negative and magnitude == 0:
            continue  # else zero would come twice as often as it should
        return -magnitude if negative else magnitude


def _happens(integers: _Integers, numerator: int, denominator: int) -> bool:
    """Algorithm 1: true with probability exp(-numerator/denominator)."""
    whole, rest = divmod(numerator, denominator)
    return all(_happens_at_most_one(integers, 1, 1) for _ in range(whole)) and _happens_at_most_one(
        integers, rest, denominator
    )


def _happens_at_most_one(integers: _Integers, numerator: int, denominator: int) -> bool:
    """The same for a fraction in 0..1: von Neumann's alternating series, Forsythe 1972."""
    k = 1
    while integers.below(denominator * k) < numerator:
        k += 1
    return k % 2 == 1

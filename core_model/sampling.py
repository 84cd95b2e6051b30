"""From logits to semantic tokens: penalty, cut-offs, the draw, and when to stop. Pure NumPy.

Knows no network: a callable gives the logits. Draws nothing by itself: a callable gives the noise, so that a seed, or a
recorded array, gives the same tokens in every runtime. Reference: GPT-SoVITS's decoding loop, whose oddities are kept
because voices were tuned under them; they are marked "upstream's way" below.

    logits -> end of speech cut off (first steps) or illegal tokens -> penalty -> top p -> temperature -> top k -> draw

    noise = sampling_noise(seed=7, vocabulary=1025)
    generate(first_logits, step, prompt=prompt, options=SamplingOptions(), noise=noise).tokens         # (T,) int64
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.floating]
Tokens = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """How to choose the next token. The defaults are upstream's; top_k = 1 is greedy."""

    top_k: int = 15  # keep the k best (and ties with the k-th); 0: all
    top_p: float = 1.0  # keep the best until their probability passes p; 1: all
    temperature: float = 1.0
    repetition_penalty: float = 1.35  # on every token that occurred, prompt included; 1: none
    minimum_tokens: int = 11  # end of speech cannot be chosen before this many; a grammar decides instead, where given
    limit: int = 1500  # stop after this many tokens

    def __post_init__(self) -> None:
        if self.top_k < 0 or self.minimum_tokens < 0 or self.limit < 1:
            raise ValueError(f"counts out of range: {self}")
        if not (0 <= self.top_p <= 1 and self.temperature >= 0 and self.repetition_penalty > 0):
            raise ValueError(f"probabilities and scales out of range: {self}")


class Grammar(Protocol):
    """A constraint on the next token, for families whose tokens follow the phonemes."""

    def legal(self) -> NDArray[np.bool_]:
        """(V,), True where the next token may be; end of speech, the last one, included. Never all False."""

    def accept(self, token: int) -> None:
        """*token* was drawn and kept; called for each token but end of speech."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What came out of `generate`."""

    tokens: Tokens  # (T,) what to speak
    stopped: Literal["end", "length"]  # end of speech, or the limit
    drawn: Tokens  # (N,) every token kept while drawing; differs from tokens only in upstream's way at a length stop
    margins: NDArray[np.float64]  # (N,) gap between the two best logits when each was drawn; inf: no second was legal
    index: int  # the number of the last step, from 0: upstream's idx


def generate(
    first_logits: Logits,
    step: Callable[[int, int], Logits],
    *,
    prompt: Tokens,
    options: SamplingOptions,
    noise: Callable[[], NDArray[np.floating]] | None = None,
    grammar: Grammar | None = None,
) -> Generation:
    """Draw tokens until end of speech or the limit.

    *first_logits* (V,) follow the *prompt* (T0,), which may be empty; `step(token, position)` returns those (V,) after
    *token*, whose position in the audio sequence counts the prompt. *noise* returns (V,) draws from Exp(1); without it
    the most probable token is taken. ValueError: a prompt that holds end of speech, logits that are no numbers, or a
    grammar that allows nothing.
    """
    end = np.size(first_logits) - 1
    prompt = np.asarray(prompt, np.int64).reshape(-1)
    if prompt.size and not (prompt.min() >= 0 and prompt.max() < end):
        raise ValueError(f"a prompt holds tokens from 0 to {end - 1}")
    seen = np.zeros(end + 1, np.bool_)
    seen[prompt] = True
    drawn: list[int] = []
    margins: list[float] = []
    logits = first_logits
    for index in range(options.limit):
        scores = _restrict(np.array(logits, np.float64).reshape(-1), index, options, grammar)
        _penalise(scores, seen, options.repetition_penalty)
        token = _draw(scores, options, noise() if noise is not None else None)
        # Upstream's way: also stop where end of speech was the best choice, whatever was drawn.
        if token == end or (grammar is None and int(scores.argmax()) == end):
            return Generation(_spoken(prompt, drawn, index, grammar), "end", _tokens(drawn), np.array(margins), index)
        drawn.append(token)
        margins.append(_margin(scores))
        seen[token] = True
        if grammar is not None:
            grammar.accept(token)
        if index + 1 < options.limit:
            logits = step(token, prompt.size + index)
    index = options.limit - 1
    return Generation(_spoken(prompt, drawn, index, grammar), "length", _tokens(drawn), np.array(margins), index)


def sampling_noise(seed: int, vocabulary: int) -> Callable[[], NDArray[np.float32]]:
    """A source of noise for `generate`: each call gives the next (vocabulary,) float32 draws from Exp(1)."""
    generator = _philox(seed, "semantic tokens")
    return lambda: (-np.log(_uniform(generator, vocabulary))).astype(np.float32)


def latent_noise(seed: int, channels: int, frames: int) -> NDArray[np.float32]:
    """(1, channels, frames) float32 draws from N(0, 1), for the latent that the waveform is decoded from."""
    count = channels * frames
    half = (count + 1) // 2
    uniform = _uniform(_philox(seed, "latent"), 2 * half)
    radius, angle = np.sqrt(-2 * np.log(uniform[:half])), 2 * np.pi * uniform[half:]
    normal = np.concatenate((radius * np.cos(angle), radius * np.sin(angle)))[:count]  # Box and Muller 1958
    return normal.astype(np.float32).reshape(1, channels, frames)


def _restrict(
    scores: NDArray[np.float64], index: int, options: SamplingOptions, grammar: Grammar | None
) -> NDArray[np.float64]:
    """The logits that may be chosen from: (V,) with -inf at illegal tokens, or (V - 1,) while speech must not end."""
    if np.isnan(scores).any():
        raise ValueError(f"the network gave logits that are no numbers at step {index}")
    if grammar is None:
        return scores[:-1] if index < options.minimum_tokens else scores
    legal = grammar.legal()
    if not legal.any():
        raise ValueError("the grammar allows no token")
    return np.where(legal, scores, -np.inf)


def _penalise(scores: NDArray[np.float64], seen: NDArray[np.bool_], penalty: float) -> None:
    """In place: what occurred becomes less likely, however often it did."""
    if penalty != 1:
        where = seen[: scores.size]
        scores[where] = np.where(scores[where] < 0, scores[where] * penalty, scores[where] / penalty)


def _draw(scores: NDArray[np.float64], options: SamplingOptions, noise: NDArray[np.floating] | None) -> int:
    if options.top_p < 1:
        order = np.argsort(-scores, kind="stable")
        # Upstream's way: the token that crosses p is dropped too; elsewhere it is the last one kept.
        dropped = np.cumsum(_softmax(scores[order])) > options.top_p
        dropped[0] = False
        scores = scores.copy()
        scores[order[dropped]] = -np.inf
    scores = scores / max(options.temperature, 1e-5)
    if 0 < options.top_k < scores.size:
        scores = np.where(scores < np.partition(scores, -options.top_k)[-options.top_k], -np.inf, scores)
    probabilities = _softmax(scores)
    if noise is not None:
        # The largest p / Exp(1) is a draw from p: an exponential race, won at rate p.
        probabilities = probabilities / np.maximum(np.asarray(noise, np.float64)[: scores.size], 1e-300)
    return int(probabilities.argmax())


def _spoken(prompt: Tokens, drawn: list[int], index: int, grammar: Grammar | None) -> Tokens:
    """Upstream's way to cut its sequence: the last *index* tokens of prompt and drawn ones.

    At an end of speech that is what was drawn. At a length stop one more was, and the first one is lost. An index of 0
    is no cut at all, so the prompt comes back with it; nothing at all becomes one token 0.
    """
    if grammar is not None:
        return _tokens(drawn)
    sequence = np.concatenate((prompt, _tokens(drawn)))
    if sequence.size == 0:
        return np.zeros(1, np.int64)
    return sequence[-index:] if prompt.size else sequence


def _margin(scores: NDArray[np.float64]) -> float:
    second, best = np.partition(scores, -2)[-2:]
    return float(best - second)


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(scores - scores.max())
    probabilities: NDArray[np.float64] = powers / powers.sum()
    return probabilities


def _tokens(drawn: list[int]) -> Tokens:
    return np.array(drawn, np.int64)


def _philox(seed: int, purpose: str) -> np.random.Philox:
    """The generator of one purpose: streams of different purposes never overlap, whatever the seeds."""
    digest = hashlib.sha256(f"{purpose}:{seed}".encode()).digest()
    return np.random.Philox(key=int.from_bytes(digest[:16], "little"))


def _uniform(generator: np.random.Philox, count: int) -> NDArray[np.float64]:
    """(count,) in (0, 1), ends excluded. From raw bits: NumPy promises those for ever, its Generator's methods not."""
    return ((generator.random_raw(count) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52

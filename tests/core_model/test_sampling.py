"""Sampling: each rule by example, the whole against a slow computation in torch, the stops, the noise."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.sampling import Generation, SamplingOptions, generate, latent_noise, sampling_noise

END = 5  # of a vocabulary of six
NONE = np.zeros(0, np.int64)
PLAIN = SamplingOptions(top_k=1, repetition_penalty=1.0, minimum_tokens=0, limit=8)


def logits(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def favour(token: int) -> np.ndarray:
    return np.eye(END + 1, dtype=np.float32)[token] * 9


def follow(
    script: list[int], options: SamplingOptions = PLAIN, prompt: np.ndarray = NONE, **more: object
) -> Generation:
    """Run `generate` on a network that wants the tokens of *script*, one after the other, then the last for ever."""
    calls: list[tuple[int, int]] = []

    def step(token: int, position: int) -> np.ndarray:
        calls.append((token, position))
        return favour(script[min(len(calls), len(script) - 1)])

    generation = generate(favour(script[0]), step, prompt=prompt, options=options, **more)
    assert calls == [(int(token), prompt.size + n) for n, token in enumerate(generation.drawn[: len(calls)])]
    return generation


def once(
    scores: np.ndarray, options: SamplingOptions, noise: np.ndarray | None = None, prompt: np.ndarray = NONE
) -> int:
    """The one token drawn from *scores*."""
    source = None if noise is None else lambda: noise
    run = generate(scores, lambda token, position: scores, prompt=prompt, options=options, noise=source)
    return int(run.drawn[0]) if run.drawn.size else END


def one(**numbers: float) -> SamplingOptions:
    return SamplingOptions(**{"top_k": 0, "repetition_penalty": 1.0, "minimum_tokens": 0, "limit": 1, **numbers})


# --- stops ---------------------------------------------------------------------------------------------------------


def test_end_of_speech_is_removed_and_ends() -> None:
    run = follow([1, 2, 3, END], prompt=np.array([4, 4]))
    assert (run.tokens.tolist(), run.drawn.tolist(), run.stopped, run.index) == ([1, 2, 3], [1, 2, 3], "end", 3)
    assert run.margins == pytest.approx([9, 9, 9])


def test_upstreams_way_at_a_length_stop_the_first_token_is_lost() -> None:
    run = follow([1, 2, 3], prompt=np.array([4]))
    assert (run.drawn.tolist(), run.stopped, run.index) == ([1, 2, 3, 3, 3, 3, 3, 3], "length", 7)
    assert run.tokens.tolist() == [2, 3, 3, 3, 3, 3, 3]


def test_without_a_prompt_a_length_stop_loses_nothing() -> None:
    run = follow([1, 2, 3])
    assert run.tokens.tolist() == run.drawn.tolist() == [1, 2, 3, 3, 3, 3, 3, 3]


def test_an_end_at_once_without_a_prompt_is_one_zero_token() -> None:
    run = follow([END])
    assert (run.tokens.tolist(), run.drawn.tolist(), run.index) == ([0], [], 0)


def test_upstreams_way_an_index_of_zero_cuts_nothing() -> None:
    """`y[:, -0:]` is everything, so the prompt is spoken again."""
    assert follow([END], prompt=np.array([4, 3])).tokens.tolist() == [4, 3]


def test_end_of_speech_is_cut_off_in_the_first_steps() -> None:
    options = SamplingOptions(top_k=1, repetition_penalty=1.0, limit=50)
    scores = logits(0, 1, 2, 3, 4, 9)
    run = generate(scores, lambda token, position: scores, prompt=NONE, options=options)
    assert (run.drawn.tolist(), run.stopped, run.index) == ([4] * 11, "end", 11)


def test_upstreams_way_the_best_choice_ends_even_when_another_was_drawn() -> None:
    noise = np.array([1e-9, 1, 1, 1, 1, 1e9])  # makes token 0 win the draw
    scores = logits(3, 0, 0, 0, 0, 3.5)
    run = generate(scores, lambda t, p: scores, prompt=NONE, options=one(), noise=lambda: noise)
    assert (run.drawn.tolist(), run.stopped) == ([], "end")


def test_the_stop_sees_penalised_logits() -> None:
    """Token 0 beats end of speech until the penalty is on it."""
    scores = logits(5, 0, 0, 0, 0, 4.5)
    options = SamplingOptions(top_k=1, repetition_penalty=1.35, minimum_tokens=0, limit=5)
    run = generate(scores, lambda t, p: scores, prompt=NONE, options=options)
    assert (run.drawn.tolist(), run.stopped, run.index) == ([0], "end", 1)


def test_no_step_is_wasted_behind_the_last_token() -> None:
    asked = []
    generate(favour(1), lambda t, p: asked.append(p) or favour(1), prompt=np.array([2, 2]), options=PLAIN)
    assert asked == [2, 3, 4, 5, 6, 7, 8]  # seven steps for eight tokens


# --- each rule ------------------------------------------------------------------------------------------------------


def test_penalty_counts_a_token_once_and_pushes_negative_logits_down() -> None:
    """The set of tokens, prompt included: 4/2 < 2.5, and -1*2 < -1.5."""
    options = one(top_k=1, repetition_penalty=2.0)
    assert once(logits(4, 2.5, 0, 0, 0, 0), options, prompt=np.array([0, 0, 0])) == 1
    assert once(logits(-1, -1.5, -9, -9, -9, -9), options, prompt=np.array([0])) == 1
    assert once(logits(-1, -1.5, -9, -9, -9, -9), options) == 0


def test_upstreams_way_top_p_drops_the_token_that_crosses() -> None:
    """Probabilities .5 .3 .2: at p = .7 the usual rule keeps two, this one keeps one; the best always stays."""
    scores = np.log(logits(0.3, 0.5, 0.2, 1e-9, 1e-9, 1e-9))
    towards_0 = np.array([1e-9, 1, 1, 1, 1, 1])
    assert once(scores, one(top_p=0.7), towards_0) == 1
    assert once(scores, one(top_p=0.81), towards_0) == 0
    assert once(scores, one(top_p=0.0), towards_0) == 1


def test_top_p_comes_before_temperature() -> None:
    """A temperature of 100 makes all alike; had it come first, top p would have kept several."""
    scores = np.log(logits(0.9, 0.1, 1e-9, 1e-9, 1e-9, 1e-9))
    assert once(scores, one(top_p=0.95, temperature=100.0), np.array([1, 1e-9, 1, 1, 1, 1])) == 0


def test_top_k_keeps_ties() -> None:
    scores = logits(3, 2, 2, 1, 0, 0)
    for winner, kept in ((1, True), (2, True), (3, False)):
        noise = np.ones(6)
        noise[winner] = 1e-9
        assert (once(scores, one(top_k=2), noise) == winner) is kept


def test_temperature_zero_is_greedy() -> None:
    assert once(logits(1, 1.01, 0, 0, 0, 0), one(temperature=0.0), np.array([1e-9, 1, 1, 1, 1, 1])) == 1


def test_draws_follow_the_probabilities() -> None:
    probabilities = np.array([0.5, 0.25, 0.125, 0.125 - 2e-9, 1e-9, 1e-9])
    noise = sampling_noise(seed=1, vocabulary=6)
    scores = np.log(probabilities)
    drawn = [
        generate(scores, lambda t, p: scores, prompt=NONE, options=one(), noise=noise).drawn[0] for _ in range(4000)
    ]
    found = np.bincount(drawn, minlength=6) / 4000
    assert np.abs(found - probabilities).max() < 4 * np.sqrt(0.25 / 4000)


# --- the whole against torch ----------------------------------------------------------------------------------------


def in_torch(scores: torch.Tensor, before: list[int], index: int, options: SamplingOptions, noise: torch.Tensor) -> int:
    """One step, written as plainly as the description of upstream's loop reads."""
    if index < options.minimum_tokens:
        scores = scores[:-1]
    scores = scores.clone()
    for token in set(before):
        scores[token] = (
            scores[token] * options.repetition_penalty
            if scores[token] < 0
            else (scores[token] / options.repetition_penalty)
        )
    stop = scores.argmax().item() == END
    if options.top_p < 1:
        ordered, order = scores.sort(descending=True, stable=True)
        drop = ordered.softmax(0).cumsum(0) > options.top_p
        drop[0] = False
        scores = scores.index_fill(0, order[drop], -torch.inf)
    scores = scores / max(options.temperature, 1e-5)
    if options.top_k:
        pivot = scores.topk(min(options.top_k, len(scores))).values[-1]
        scores = torch.where(scores < pivot, -torch.inf, scores)
    token = (scores.softmax(0) / noise[: len(scores)]).argmax().item()
    return END if stop else int(token)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    top_k=st.integers(0, 7),
    top_p=st.sampled_from([0.3, 0.6, 0.9, 1.0]),
    temperature=st.sampled_from([0.0, 0.6, 1.0, 2.0]),
    penalty=st.sampled_from([1.0, 1.35, 3.0]),
    minimum=st.integers(0, 4),
    prompt=st.lists(st.integers(0, END - 1), max_size=4),
)
def test_equals_the_slow_computation(
    seed: int, top_k: int, top_p: float, temperature: float, penalty: float, minimum: int, prompt: list[int]
) -> None:
    options = SamplingOptions(top_k, top_p, temperature, penalty, minimum_tokens=minimum, limit=12)
    generator = np.random.default_rng(seed)
    table, noises = generator.normal(size=(12, END + 1)) * 3, generator.exponential(size=(12, END + 1))
    stream = iter(noises)
    start = len(prompt)
    run = generate(
        table[0],
        lambda token, position: table[position - start + 1],
        prompt=np.array(prompt, np.int64),
        options=options,
        noise=lambda: next(stream),
    )
    expected: list[int] = []
    for index in range(12):
        scores, noise = torch.from_numpy(table[index]), torch.from_numpy(noises[index])
        token = in_torch(scores, prompt + expected, index, options, noise)
        if token == END:
            break
        expected.append(token)
    assert run.drawn.tolist() == expected
    assert run.stopped == ("length" if len(expected) == 12 else "end")


# --- grammar --------------------------------------------------------------------------------------------------------


class Counting:
    """0 1 2 in this order, then end of speech."""

    def __init__(self) -> None:
        self.accepted: list[int] = []

    def legal(self) -> np.ndarray:
        legal = np.zeros(END + 1, np.bool_)
        legal[len(self.accepted) if len(self.accepted) < 3 else END] = True
        return legal

    def accept(self, token: int) -> None:
        self.accepted.append(token)


def test_a_grammar_decides_what_comes_and_when_speech_ends() -> None:
    grammar = Counting()
    run = follow([4], SamplingOptions(limit=50), grammar=grammar)
    assert (run.tokens.tolist(), run.stopped, grammar.accepted) == ([0, 1, 2], "end", [0, 1, 2])
    assert np.isinf(run.margins).all()


def test_under_a_grammar_a_length_stop_loses_nothing_and_only_a_drawn_end_ends() -> None:
    class Anything(Counting):
        def legal(self) -> np.ndarray:
            return np.ones(END + 1, np.bool_)

    run = follow([1, 2, 3], prompt=np.array([4]), grammar=Anything())
    assert (run.tokens.tolist(), run.stopped) == ([1, 2, 3, 3, 3, 3, 3, 3], "length")
    noise = np.array([1e-9, 1, 1, 1, 1, 1e9])
    scores = logits(3, 0, 0, 0, 0, 3.5)
    run = generate(scores, lambda t, p: scores, prompt=NONE, options=one(), noise=lambda: noise, grammar=Anything())
    assert run.tokens.tolist() == [0]


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_grammar_that_allows_nothing_is_refused() -> None:
    class Nothing(Counting):
        def legal(self) -> np.ndarray:
            return np.zeros(END + 1, np.bool_)

    with pytest.raises(ValueError, match="allows no token"):
        follow([1], grammar=Nothing())


def test_a_network_that_gives_no_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="no numbers at step 0"):
        once(logits(0, float("nan"), 0, 0, 0, 0), one())


@pytest.mark.parametrize("prompt", [[END], [-1], [0, 6]])
def test_a_prompt_of_tokens_that_cannot_be_spoken_is_refused(prompt: list[int]) -> None:
    with pytest.raises(ValueError, match="from 0 to 4"):
        once(favour(0), one(), prompt=np.array(prompt))


@pytest.mark.parametrize(
    "numbers",
    [{"top_k": -1}, {"top_p": 1.5}, {"temperature": -1.0}, {"repetition_penalty": 0.0}, {"limit": 0}],
)
def test_options_out_of_range_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        SamplingOptions(**numbers)


# --- noise ----------------------------------------------------------------------------------------------------------


def test_noise_depends_on_seed_and_purpose_and_advances() -> None:
    first, again, other = (sampling_noise(seed, 1025) for seed in (7, 7, 8))
    one_draw, two_draw = first(), first()
    np.testing.assert_array_equal(one_draw, again())
    assert not np.array_equal(one_draw, two_draw)
    assert not np.array_equal(one_draw, other())
    np.testing.assert_array_equal(latent_noise(7, 3, 5), latent_noise(7, 3, 5))
    assert not np.array_equal(latent_noise(7, 3, 5), latent_noise(8, 3, 5))


def test_noise_has_its_distribution() -> None:
    exponential = sampling_noise(1, 100_000)()
    assert exponential.dtype == np.float32
    assert (exponential > 0).all()
    assert exponential.mean() == pytest.approx(1, abs=0.02)
    assert (exponential > np.log(4)).mean() == pytest.approx(0.25, abs=0.01)
    normal = latent_noise(1, 192, 501)
    assert (normal.shape, normal.dtype) == ((1, 192, 501), np.float32)
    assert normal.mean() == pytest.approx(0, abs=0.02)
    assert normal.std() == pytest.approx(1, abs=0.01)
    assert (np.abs(normal) > 1.96).mean() == pytest.approx(0.05, abs=0.005)
    assert abs(np.corrcoef(normal[0, 0], normal[0, 96])[0, 1]) < 0.2


EXPONENTIAL_7 = [1.1971807, 0.0427918, 0.9891768, 0.0246721]
NORMAL_7 = [-0.8700758, 0.1947678, -0.3653543, 0.5124887]


def test_noise_is_what_it_was() -> None:
    """Recorded once: a seed written into a voice's golden inputs must mean the same for ever."""
    assert sampling_noise(7, 4)().tolist() == pytest.approx(EXPONENTIAL_7, abs=1e-6)
    assert latent_noise(7, 1, 4)[0, 0].tolist() == pytest.approx(NORMAL_7, abs=1e-6)


def test_torch_is_not_needed() -> None:
    code = "import sys; sys.modules['torch'] = None; import core_model.sampling"
    subprocess.run([sys.executable, "-c", code], check=True)

"""GPT against recorded vectors: upstream's own modules, float32, torch 2.13 on a CPU.

Tolerances: logits 1e-4 of values around +-3, some ten times what two machines differ by; tokens where the recorded gap
between the two best logits is above 1e-3, so that no rounding could have chosen otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from core_model.gpt import GPT, GPTDims
from core_model.sampling import Generation, SamplingOptions, generate
from core_model.upstream import names

FAMILIES = {"gpt_s1longer": GPTDims(phonemes=512), "gpt_s1longer-v2": GPTDims(phonemes=732)}
LOGITS = 1e-4
MARGIN = 1e-3


@dataclass(frozen=True)
class Recorded:
    gpt: GPT
    vectors: Mapping[str, np.ndarray]

    def greedy(self, limit: int, penalty: float, *, prompt: bool = True, word_features: bool = True) -> Greedy:
        return Greedy(self, limit, penalty, prompt, word_features)


class Greedy:
    """One greedy run on the recorded inputs; keeps the raw logits of every step."""

    def __init__(self, recorded: Recorded, limit: int, penalty: float, prompt: bool, word_features: bool) -> None:
        gpt, vectors = recorded.gpt, recorded.vectors
        phonemes = torch.from_numpy(vectors["phones"])
        prompts = vectors["prompt"] if prompt else np.zeros((1, 0), np.int64)
        features = torch.from_numpy(vectors["bert"]).transpose(1, 2) if word_features else None
        cache = gpt.new_cache(1, phonemes.shape[1] + prompts.shape[1] + limit)
        first = gpt.prefill(phonemes, torch.from_numpy(prompts), features, cache)[0].numpy()
        self.logits = [first]

        def step(token: int, position: int) -> np.ndarray:
            self.logits.append(gpt.step(torch.tensor([[token]]), position, cache)[0].numpy())
            return self.logits[-1]

        options = SamplingOptions(top_k=1, repetition_penalty=penalty, limit=limit)
        self.generation: Generation = generate(first, step, prompt=prompts[0], options=options)


@pytest.fixture(scope="module", params=list(FAMILIES))
def recorded(request: pytest.FixtureRequest, vectors: Callable, golden_weights: Callable) -> Iterator[Recorded]:
    recorded = vectors(request.param)
    weights = golden_weights(request.param)
    table = names.all_to_ours("gpt", weights)
    gpt = GPT(FAMILIES[request.param]).eval()
    gpt.load_state_dict({table[name]: torch.from_numpy(values) for name, values in weights.items()}, strict=True)
    yield Recorded(gpt, recorded)


def agree(drawn: np.ndarray, expected: np.ndarray, margins: np.ndarray) -> None:
    """Equal up to the first token that rounding may decide; behind that the two runs read different texts."""
    certain = int(np.argmax(np.append(margins, 0) <= MARGIN))
    np.testing.assert_array_equal(drawn[:certain], expected[:certain])


def test_greedy_run_with_penalty(recorded: Recorded) -> None:
    expected, margins = recorded.vectors["greedy_rp135"], recorded.vectors["greedy_rp135_margin"]
    run = recorded.greedy(60, 1.35)
    agree(run.generation.drawn, expected, margins)
    for index in (0, 1, 10, 59):
        if np.array_equal(run.generation.drawn[:index], expected[:index]):
            np.testing.assert_allclose(run.logits[index], recorded.vectors[f"logits_step{index}"], rtol=0, atol=LOGITS)
    np.testing.assert_allclose(run.generation.margins[:10], margins[:10], atol=LOGITS * 2)
    assert run.generation.index == recorded.vectors["idx_rp135"]
    assert run.generation.stopped == "length"
    # Upstream loses the first token at a length stop.
    np.testing.assert_array_equal(run.generation.tokens, run.generation.drawn[1:])


def test_teacher_forced_logits_and_tokens_equal_every_recorded_step(recorded: Recorded) -> None:
    """The training forward: one call on the recorded tokens gives the logits of every step."""
    prompt, drawn = recorded.vectors["prompt"][0], recorded.vectors["greedy_rp135"]
    sequence = np.concatenate((prompt, drawn))
    features = torch.from_numpy(recorded.vectors["bert"]).transpose(1, 2)
    with torch.inference_mode():
        phonemes = torch.from_numpy(recorded.vectors["phones"])
        logits = recorded.gpt(phonemes, torch.from_numpy(sequence)[None], features)[0].numpy()[len(prompt) - 1 :]
    for index in (0, 1, 10, 59):
        np.testing.assert_allclose(logits[index], recorded.vectors[f"logits_step{index}"], rtol=0, atol=LOGITS)
    compared = 0
    for index in np.flatnonzero(recorded.vectors["greedy_rp135_margin"] > MARGIN):
        options = SamplingOptions(top_k=1, limit=1, minimum_tokens=1 if index < 11 else 0)
        before = sequence[: len(prompt) + index]
        assert generate(logits[index], None, prompt=before, options=options).drawn == drawn[index]
        compared += 1
    assert compared >= 50


def test_hidden_states(recorded: Recorded) -> None:
    gpt, vectors = recorded.gpt, recorded.vectors
    features = torch.from_numpy(vectors["bert"]).transpose(1, 2)
    with torch.inference_mode():
        phonemes = gpt.embed_phonemes(torch.from_numpy(vectors["phones"]), features)
        rows = torch.cat((phonemes, gpt.embed_tokens(torch.from_numpy(vectors["prompt"]), 0)), dim=1)
        cache = gpt.new_cache(1, rows.shape[1])
        gpt.prefill(torch.from_numpy(vectors["phones"]), torch.from_numpy(vectors["prompt"]), features, cache)
        past = cache.buffer[:, :, 0, :, : rows.shape[1] - 1].permute(3, 0, 1, 2, 4)  # (S, L, 2, H, D)
        mask = torch.ones(1, 1, 1, rows.shape[1], dtype=torch.bool)
        hidden, _ = gpt.extend_functional(rows[:, -1:], mask, past)
    np.testing.assert_allclose(hidden[0, 0].numpy(), vectors["hidden_step0"], rtol=0, atol=LOGITS)


def test_greedy_run_without_penalty(recorded: Recorded) -> None:
    run = recorded.greedy(30, 1.0).generation
    agree(run.drawn, recorded.vectors["greedy_rp100"], run.margins)


def test_without_a_prompt_nothing_is_lost(recorded: Recorded) -> None:
    expected = recorded.vectors["greedy_noprompt_rp135"]
    run = recorded.greedy(len(expected), 1.35, prompt=False)
    np.testing.assert_allclose(run.logits[0], recorded.vectors["logits_noprompt_step0"], rtol=0, atol=LOGITS)
    agree(run.generation.tokens, expected, run.generation.margins)
    assert len(run.generation.tokens) == len(expected)


def test_zero_word_features(recorded: Recorded) -> None:
    """None stands for zeros."""
    run = recorded.greedy(10, 1.35, word_features=False).generation
    agree(run.drawn, recorded.vectors["greedy_zerobert_rp135"], run.margins)
    phonemes = torch.from_numpy(recorded.vectors["phones"])
    with torch.inference_mode():
        zeros = recorded.gpt.embed_phonemes(phonemes, torch.zeros(*phonemes.shape, 1024))
        torch.testing.assert_close(recorded.gpt.embed_phonemes(phonemes), zeros, rtol=0, atol=1e-6)


def test_end_of_speech_stop(recorded: Recorded) -> None:
    head = recorded.gpt.head.weight
    original = head[1024].clone()
    try:
        with torch.no_grad():
            head[1024] = 1.5 * head[int(recorded.vectors["eos_row_from_token"])]
        run = recorded.greedy(60, 1.35).generation
    finally:
        with torch.no_grad():
            head[1024] = original
    assert run.stopped == "end"
    agree(run.drawn, recorded.vectors["eos_tokens"], run.margins)
    assert run.index == recorded.vectors["eos_idx"]
    np.testing.assert_array_equal(run.tokens, recorded.vectors["eos_result"])

"""GPT against recorded vectors: upstream's own modules, float32, torch 2.13 on a CPU.

Tolerances: logits 1e-4 of values around +-3, some ten times what two machines differ by; tokens where the recorded gap
between the two best logits is above 1e-3, so that no rounding could have chosen otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from core_model.gpt import GPT, GPTDims
from core_model.sampling import Generation, SamplingOptions, generate
from core_model.upstream import names

FAMILIES = {"gpt_s1longer": GPTDims(phonemes=512), "gpt_s1longer-v2": GPTDims(phonemes=732)}
LOGITS = 1e-4
MARGIN = 1e-3


@dataclass(frozen=True)
class Recorded:
    """A family's network with its vectors; runs on the recorded inputs."""

    gpt: GPT
    vectors: Mapping[str, np.ndarray]

    def inputs(self, prompt: bool = True, word_features: bool = True) -> tuple[Tensor, Tensor, Tensor | None]:
        """phonemes (1, P), prompt (1, T0), word features (1, P, F)."""
        tokens = self.vectors["prompt"] if prompt else np.zeros((1, 0), np.int64)
        features = torch.from_numpy(self.vectors["bert"]).transpose(1, 2) if word_features else None
        return torch.from_numpy(self.vectors["phones"]), torch.from_numpy(tokens), features

    def teacher_forced(self, expected: np.ndarray, **inputs: bool) -> np.ndarray:
        """Logits (N + 1, V) of every step of a run that drew *expected* (N,), from one call of the training forward."""
        phonemes, prompt, features = self.inputs(**inputs)
        count = prompt.shape[1]
        tokens = torch.cat((prompt, torch.from_numpy(expected)[None]), dim=1)
        with torch.inference_mode():
            logits = self.gpt(phonemes, tokens, features)[0]
            if count == 0:  # nothing but phonemes predicts the first token
                cache = self.gpt.new_cache(1, phonemes.shape[1])
                logits = torch.cat((self.gpt.prefill(phonemes, prompt, features, cache), logits))
        return logits[max(count - 1, 0) :].numpy()

    def greedy(self, expected: np.ndarray, penalty: float, limit: int, **inputs: bool) -> Generation:
        """A greedy run over teacher-forced logits: what it draws is compared, what it reads is the recorded text."""
        logits = self.teacher_forced(expected, **inputs)
        prompt = self.inputs(**inputs)[1][0].numpy()
        options = SamplingOptions(top_k=1, repetition_penalty=penalty, limit=limit)
        return generate(logits[0], lambda _, at: logits[at - prompt.size + 1], prompt=prompt, options=options)


@pytest.fixture(scope="module", params=list(FAMILIES))
def recorded(request: pytest.FixtureRequest, vectors: Callable, golden_weights: Callable) -> Recorded:
    found = vectors(request.param)
    weights = golden_weights(request.param)
    table = names.all_to_ours("gpt", weights)
    gpt = GPT(FAMILIES[request.param]).eval()
    gpt.load_state_dict({table[name]: torch.from_numpy(values) for name, values in weights.items()}, strict=True)
    return Recorded(gpt, found)


def agree(drawn: np.ndarray, expected: np.ndarray, margins: np.ndarray) -> None:
    """Equal wherever the gap says that no rounding could have chosen otherwise, up to the first place it does not."""
    certain = int(np.argmax(np.append(margins, 0) <= MARGIN))
    np.testing.assert_array_equal(drawn[:certain], expected[:certain])


def test_greedy_run_with_the_cache(recorded: Recorded) -> None:
    """The real thing: prefill, then sixty steps, each fed with what the last one drew."""
    expected, margins = recorded.vectors["greedy_rp135"], recorded.vectors["greedy_rp135_margin"]
    phonemes, prompt, features = recorded.inputs()
    cache = recorded.gpt.new_cache(1, phonemes.shape[1] + prompt.shape[1] + 60)
    raw = [recorded.gpt.prefill(phonemes, prompt, features, cache)[0].numpy()]

    def step(token: int, position: int) -> np.ndarray:
        raw.append(recorded.gpt.step(torch.tensor([[token]]), position, cache)[0].numpy())
        return raw[-1]

    run = generate(raw[0], step, prompt=prompt[0].numpy(), options=SamplingOptions(top_k=1, limit=60))
    agree(run.drawn, expected, margins)
    for index in (0, 1, 10, 59):
        if np.array_equal(run.drawn[:index], expected[:index]):
            np.testing.assert_allclose(raw[index], recorded.vectors[f"logits_step{index}"], rtol=0, atol=LOGITS)
    np.testing.assert_allclose(run.margins[0], margins[0], rtol=0, atol=2 * LOGITS)
    assert (run.index, run.stopped) == (recorded.vectors["idx_rp135"], "length")
    np.testing.assert_array_equal(run.tokens, run.drawn[1:])  # upstream loses the first token at a length stop


def test_teacher_forced_logits_and_every_token(recorded: Recorded) -> None:
    prompt, drawn = recorded.vectors["prompt"][0], recorded.vectors["greedy_rp135"]
    logits = recorded.teacher_forced(drawn)
    for index in (0, 1, 10, 59):
        np.testing.assert_allclose(logits[index], recorded.vectors[f"logits_step{index}"], rtol=0, atol=LOGITS)
    certain = np.flatnonzero(recorded.vectors["greedy_rp135_margin"] > MARGIN)
    assert len(certain) >= 50
    for index in certain:
        options = SamplingOptions(top_k=1, limit=1, minimum_tokens=1 if index < 11 else 0)
        before = np.concatenate((prompt, drawn[:index]))
        run = generate(logits[index], lambda *_: logits[0], prompt=before, options=options)
        assert run.drawn == drawn[index]


def test_hidden_states(recorded: Recorded) -> None:
    """Through the functional form, with the cache as its past."""
    gpt = recorded.gpt
    phonemes, prompt, features = recorded.inputs()
    before = phonemes.shape[1] + prompt.shape[1] - 1
    with torch.inference_mode():
        cache = gpt.new_cache(1, before)
        gpt.prefill(phonemes, prompt[:, :-1], features, cache)
        row = gpt.embed_tokens(prompt[:, -1:], prompt.shape[1] - 1)
        past = cache.buffer[:, :, 0].permute(3, 0, 1, 2, 4)  # (S, L, 2, H, D)
        hidden, new = gpt.extend_functional(row, torch.ones(1, 1, 1, before + 1, dtype=torch.bool), past)
    np.testing.assert_allclose(hidden[0, 0].numpy(), recorded.vectors["hidden_step0"], rtol=0, atol=LOGITS)
    assert new.shape == (1, *past.shape[1:])


def test_greedy_run_without_penalty(recorded: Recorded) -> None:
    expected = recorded.vectors["greedy_rp100"]
    run = recorded.greedy(expected, 1.0, len(expected))
    agree(run.drawn, expected, run.margins)


def test_without_a_prompt_nothing_is_lost(recorded: Recorded) -> None:
    expected = recorded.vectors["greedy_noprompt_rp135"]
    logits = recorded.teacher_forced(expected, prompt=False)
    np.testing.assert_allclose(logits[0], recorded.vectors["logits_noprompt_step0"], rtol=0, atol=LOGITS)
    run = recorded.greedy(expected, 1.35, len(expected), prompt=False)
    agree(run.tokens, expected, run.margins)
    assert len(run.tokens) == len(expected)


def test_zero_word_features(recorded: Recorded) -> None:
    """None stands for zeros."""
    expected = recorded.vectors["greedy_zerobert_rp135"]
    run = recorded.greedy(expected, 1.35, len(expected), word_features=False)
    agree(run.drawn, expected, run.margins)


def test_end_of_speech_stop(recorded: Recorded) -> None:
    expected = recorded.vectors["eos_tokens"]
    head = recorded.gpt.head.weight.data
    original = head[1024].clone()
    try:
        head[1024] = 1.5 * head[int(recorded.vectors["eos_row_from_token"])]
        run = recorded.greedy(expected, 1.35, 60)
    finally:
        head[1024] = original
    assert run.stopped == "end"
    agree(run.drawn, expected, run.margins)
    assert run.index == recorded.vectors["eos_idx"]
    np.testing.assert_array_equal(run.tokens, recorded.vectors["eos_result"])

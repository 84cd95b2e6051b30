"""GPT on tiny dims: what it may look at, the cache against the full forward, padding, training, export."""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from core_model.gpt import GPT, GPTDims, prefix_mask

TINY = GPTDims(phonemes=11, semantic_tokens=17, width=16, heads=2, layers=2, word_features=6)


def make(dims: GPTDims = TINY, seed: int = 0) -> GPT:
    """A GPT whose every parameter is off its default, so that one left out would show."""
    torch.manual_seed(seed)
    gpt = GPT(dims).eval()
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return gpt


def draw(gpt: GPT, batch: int, phonemes: int, tokens: int, seed: int = 1) -> tuple[torch.Tensor, ...]:
    """phonemes (B, P), tokens (B, T), word features (B, P, F)."""
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randint(gpt.dims.phonemes, (batch, phonemes), generator=generator),
        torch.randint(gpt.dims.semantic_tokens, (batch, tokens), generator=generator),
        torch.randn(batch, phonemes, gpt.dims.word_features, generator=generator),
    )


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    phonemes=st.integers(1, 9),
    tokens=st.integers(1, 12),
    prompt=st.integers(0, 12),
    spare=st.integers(0, 5),
    seed=st.integers(0, 10**6),
    shape=st.sampled_from([(16, 2, 2), (8, 1, 1), (24, 4, 3)]),
)
def test_incremental_decoding_equals_the_full_forward(
    batch: int, phonemes: int, tokens: int, prompt: int, spare: int, seed: int, shape: tuple[int, int, int]
) -> None:
    width, heads, layers = shape
    gpt = make(replace(TINY, width=width, heads=heads, layers=layers), seed)
    prompt = min(prompt, tokens)
    text, audio, features = draw(gpt, batch, phonemes, tokens, seed)
    with torch.inference_mode():
        expected = gpt(text, audio, features)
    cache = gpt.new_cache(batch, phonemes + tokens + spare)
    logits = gpt.prefill(text, audio[:, :prompt], features, cache)
    if prompt:
        torch.testing.assert_close(logits, expected[:, prompt - 1], rtol=0, atol=1e-5)
    for position in range(prompt, tokens):
        logits = gpt.step(audio[:, position : position + 1], position, cache)
        torch.testing.assert_close(logits, expected[:, position], rtol=0, atol=1e-5)
    assert cache.length == phonemes + tokens


def test_without_tokens_the_last_phoneme_predicts_the_first_token() -> None:
    """No prompt: the first logits come from the last phoneme row, as upstream has it."""
    gpt = make()
    text, _, features = draw(gpt, 1, 5, 1)
    logits = gpt.prefill(text, torch.zeros(1, 0, dtype=torch.int64), features, gpt.new_cache(1, 5))
    with torch.inference_mode():
        hidden = gpt.extend(gpt.embed_phonemes(text, features), None, None)
        torch.testing.assert_close(logits, gpt.head(hidden[:, -1]), rtol=0, atol=1e-6)


def test_the_cache_writes_into_the_buffer_it_was_given() -> None:
    gpt = make()
    text, audio, features = draw(gpt, 1, 3, 4)
    cache = gpt.new_cache(1, 20)
    address = cache.buffer.data_ptr()
    gpt.prefill(text, audio, features, cache)
    gpt.step(audio[:, :1], 4, cache)
    assert (cache.buffer.data_ptr(), cache.buffer.shape[4], cache.length) == (address, 20, 8)


def test_a_full_cache_refuses_one_more_row() -> None:
    gpt = make()
    text, audio, features = draw(gpt, 1, 3, 4)
    cache = gpt.new_cache(1, 7)
    gpt.prefill(text, audio, features, cache)
    with pytest.raises(ValueError, match="7 rows"):
        gpt.step(audio[:, :1], 4, cache)
    assert cache.length == 7
    with pytest.raises(ValueError, match="already holds"):
        gpt.prefill(text, audio, features, cache)


def test_who_may_look_at_whom() -> None:
    """Gradients tell: a logit depends on every phoneme and on no later token."""
    gpt = make()
    text, audio, features = draw(gpt, 1, 4, 5)
    features.requires_grad_()
    rows = gpt.embed_tokens(audio, 0).detach().requires_grad_()
    phoneme_rows = gpt.embed_phonemes(text, features)
    hidden = gpt.extend(torch.cat((phoneme_rows, rows), dim=1), prefix_mask(4, 5), None)
    hidden[0, 4 + 2].sum().backward(retain_graph=True)
    assert (features.grad.abs().sum(-1) > 0).all()
    assert (rows.grad[0].abs().sum(-1) > 0).tolist() == [True, True, True, False, False]
    rows.grad = None
    hidden[0, 1].sum().backward()  # a phoneme row
    assert rows.grad is None or not rows.grad.any()


def test_the_mask_is_the_drawing() -> None:
    drawn = ["ppp..", "ppp..", "ppp..", "pppt.", "ppptt"]
    mask = prefix_mask(3, 2)[0, 0]
    assert ["".join("." if not may else "p" if n < 3 else "t" for n, may in enumerate(row)) for row in mask] == drawn


def test_padding_does_not_change_an_utterance() -> None:
    gpt = make()
    lengths, counts = [3, 7, 5], [6, 2, 4]
    text, audio, features = draw(gpt, 3, 7, 6)
    with torch.inference_mode():
        together = gpt(text, audio, features, torch.tensor(lengths))
        for n, (length, tokens) in enumerate(zip(lengths, counts, strict=True)):
            alone = gpt(text[n : n + 1, :length], audio[n : n + 1, :tokens], features[n : n + 1, :length])
            torch.testing.assert_close(together[n, :tokens], alone[0], rtol=0, atol=1e-5)
        unmasked = gpt(text, audio, features)
    assert (together[0] - unmasked[0]).abs().max() > 1e-3


def test_no_word_features_mean_zeros() -> None:
    gpt = make()
    text, audio, features = draw(gpt, 2, 4, 3)
    with torch.inference_mode():
        torch.testing.assert_close(gpt(text, audio), gpt(text, audio, torch.zeros_like(features)), rtol=0, atol=1e-6)
        assert (gpt(text, audio) - gpt(text, audio, features)).abs().max() > 1e-3


def test_a_network_without_an_input_for_word_features() -> None:
    gpt = make(replace(TINY, word_features=0))
    text, audio, _ = draw(gpt, 1, 4, 3)
    assert gpt(text, audio).shape == (1, 3, 17)
    assert not [name for name in gpt.state_dict() if "word_feature" in name]
    with pytest.raises(ValueError, match="word features"):
        gpt(text, audio, torch.zeros(1, 4, 6))


def test_positions_are_interleaved_sines_and_cosines() -> None:
    gpt = make()
    with torch.no_grad():
        gpt.token_embedding.weight.zero_()
        gpt.token_position_scale.fill_(2.0)
        row = gpt.embed_tokens(torch.tensor([[0]]), 7)[0, 0]
    for n in range(8):
        angle = 7 / 10000 ** (2 * n / 16)
        assert row[2 * n].item() == pytest.approx(2 * math.sin(angle), abs=1e-6)
        assert row[2 * n + 1].item() == pytest.approx(2 * math.cos(angle), abs=1e-6)


def test_forward_draws_nothing() -> None:
    gpt = make().train()
    text, audio, features = draw(gpt, 1, 4, 3)
    state = torch.get_rng_state()
    with torch.no_grad():
        assert torch.equal(gpt(text, audio, features), gpt(text, audio, features))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_fresh_network_is_calm() -> None:
    """The first loss is that of a guess, at any depth, and one seed gives one network."""
    for layers in (1, 12):
        torch.manual_seed(3)
        gpt = GPT(replace(TINY, layers=layers))
        text, audio, features = draw(gpt, 4, 6, 40)
        loss = nn.functional.cross_entropy(gpt(text, audio, features)[:, :-1].flatten(0, 1), audio[:, 1:].flatten())
        assert loss.item() == pytest.approx(math.log(17), abs=0.1)
    torch.manual_seed(3)
    again = GPT(replace(TINY, layers=12)).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in gpt.state_dict().items())


def test_it_learns_to_read_the_phonemes() -> None:
    """Token t is phoneme t + 3: nothing but attention to the right phoneme predicts it."""
    torch.manual_seed(0)
    gpt = GPT(replace(TINY, width=32, heads=4, word_features=0))
    optimizer = torch.optim.AdamW(gpt.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(250):
        text = torch.randint(11, (32, 6), generator=generator)
        audio = torch.cat((torch.full((32, 1), 16), text + 3), dim=1)
        loss = nn.functional.cross_entropy(gpt(text, audio[:, :-1]).flatten(0, 1), audio[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5  # a guess is ln 11 = 2.4


def test_every_parameter_gets_a_gradient() -> None:
    gpt = make()
    text, audio, features = draw(gpt, 2, 4, 5)
    gpt(text, audio, features).square().mean().backward()
    assert [
        name for name, parameter in gpt.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ] == []


@pytest.mark.parametrize(
    "numbers", [{"heads": 3}, {"width": 0}, {"layers": 0}, {"word_features": -1}, {"width": 15, "heads": 5}]
)
def test_dims_that_fit_no_network_are_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        replace(TINY, **numbers)


class Graph(nn.Module):
    """The wrapper that the module docstring promises."""

    def __init__(self, gpt: GPT) -> None:
        super().__init__()
        self.gpt = gpt

    def forward(self, rows: torch.Tensor, mask: torch.Tensor, past: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden, new = self.gpt.extend_functional(rows, mask, past)
        return self.gpt.head(hidden[:, -1]), new


def run_with_one_buffer(gpt: GPT, graph, text: torch.Tensor, audio: torch.Tensor, prompt: int) -> np.ndarray:
    """Logits (T, V), as a runtime without torch would get them: one buffer by position, views of it passed in."""
    dims = gpt.dims
    count = text.shape[1]
    buffer = np.zeros((count + audio.shape[1], dims.layers, 2, dims.heads, dims.width // dims.heads), np.float32)
    logits = []

    def call(rows: torch.Tensor, mask: torch.Tensor, length: int) -> int:
        past = buffer[:length]
        assert past.flags.c_contiguous
        result, new = graph(rows.numpy(), mask.numpy(), past)
        buffer[length : length + rows.shape[1]] = new
        logits.append(result[0])
        return length + rows.shape[1]

    with torch.inference_mode():
        rows = torch.cat((gpt.embed_phonemes(text), gpt.embed_tokens(audio[:, :prompt], 0)), dim=1)
        length = call(rows, prefix_mask(count, prompt), 0)
        for position in range(prompt, audio.shape[1]):
            rows = gpt.embed_tokens(audio[:, position : position + 1], torch.tensor(position))
            length = call(rows, torch.ones(1, 1, 1, length + 1, dtype=torch.bool), length)
    return np.stack(logits)


def test_the_functional_form_equals_the_full_forward() -> None:
    gpt = make()
    text, audio, _ = draw(gpt, 1, 5, 9)

    def graph(rows: np.ndarray, mask: np.ndarray, past: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(part.numpy() for part in Graph(gpt)(*map(torch.from_numpy, (rows, mask, past.copy()))))

    logits = run_with_one_buffer(gpt, graph, text, audio, prompt=4)
    with torch.inference_mode():
        np.testing.assert_allclose(logits, gpt(text, audio)[0, 3:].numpy(), atol=1e-5)


def test_the_functional_form_exports_to_onnx_with_free_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    onnxruntime = pytest.importorskip("onnxruntime")
    gpt = make()
    example = (torch.randn(1, 3, 16), torch.ones(1, 1, 3, 7, dtype=torch.bool), torch.randn(4, 2, 2, 2, 8))
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecation
        torch.onnx.export(
            Graph(gpt),
            example,
            file,
            opset_version=17,
            dynamo=False,
            input_names=["rows", "mask", "past"],
            output_names=["logits", "new"],
            dynamic_axes={"rows": {1: "R"}, "mask": {2: "R", 3: "S+R"}, "past": {0: "S"}, "new": {0: "R"}},
        )
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    text, audio, _ = draw(gpt, 1, 5, 9)

    def graph(rows: np.ndarray, mask: np.ndarray, past: np.ndarray) -> list[np.ndarray]:
        return session.run(None, {"rows": rows, "mask": mask, "past": past})

    logits = run_with_one_buffer(gpt, graph, text, audio, prompt=4)
    with torch.inference_mode():
        np.testing.assert_allclose(logits, gpt(text, audio)[0, 3:].numpy(), atol=1e-5)

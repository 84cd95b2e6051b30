"""The transformer's parts beside the slow obvious computation, and what masks, rotation and the moment do."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from core_model.diffusion import dit
from core_model.sovits.layers import length_mask
from tests.core_model.diffusion import tiny

DIMS = tiny.FLOW_V3


@pytest.fixture(scope="module")
def transformer() -> dit.DiT:
    made = dit.DiT(DIMS)
    tiny.enliven(made)
    return made.requires_grad_(False)


def inputs(frames: int, rows: int = 1, seed: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """noisy, prompt (B, L, M), features (B, L, W), time (B,)."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((rows, frames, DIMS.mel_bands), (rows, frames, DIMS.mel_bands), (rows, frames, DIMS.features), (rows,))
    return tuple(torch.rand(shape, generator=generator) for shape in shapes)


def velocity(transformer: dit.DiT, given: tuple[Tensor, ...], mask: Tensor | None = None) -> Tensor:
    noisy, prompt, features, time = given
    text = transformer.embed_text(features, mask)
    return transformer(noisy, prompt, text, transformer.moment(time, time / 2), mask)


def test_rotation_turns_pairs_of_the_first_head_alone() -> None:
    """Channel pair k of frame n is turned by n / 10000^(2k / d); all heads but the first stay."""
    width, head, frames = 12, 4, 5
    x = torch.randn(2, frames, width)
    table = dit.inverse_frequencies(head)
    phases = torch.outer(torch.arange(frames).float(), table)
    turned = dit.Rotation(phases.cos(), phases.sin()).turn(x)
    for n in range(frames):
        for k in range(head // 2):
            angle = n * 10000.0 ** (-2 * k / head)
            a, b = x[:, n, 2 * k], x[:, n, 2 * k + 1]
            expected = torch.stack(
                (a * math.cos(angle) - b * math.sin(angle), a * math.sin(angle) + b * math.cos(angle))
            )
            torch.testing.assert_close(turned[:, n, 2 * k : 2 * k + 2].T, expected, atol=1e-6, rtol=1e-5)
    assert torch.equal(turned[:, :, head:], x[:, :, head:])


def test_the_stored_table_is_never_read(transformer: dit.DiT) -> None:
    """Upstream's files hold it in half precision; speaking by that would drift."""
    given = inputs(9)
    before = velocity(transformer, given)
    kept = transformer.inverse_frequencies.clone()
    transformer.inverse_frequencies.fill_(7.0)
    after = velocity(transformer, given)
    transformer.inverse_frequencies.copy_(kept)
    assert torch.equal(before, after)


def test_half_precision_would_drift() -> None:
    table = dit.inverse_frequencies(64)
    assert (999 * (table - table.half().float())).abs().max() > 0.1  # radians


def test_response_norm_weighs_channels_by_their_energy_over_time() -> None:
    norm = dit.ResponseNorm(5)
    tiny.enliven(norm)
    x = torch.randn(2, 7, 5)
    expected = torch.empty_like(x)
    for b in range(2):
        energy = [math.sqrt(sum(float(x[b, t, c]) ** 2 for t in range(7))) for c in range(5)]
        mean = sum(energy) / 5
        for c in range(5):
            gain, bias = norm.weight[0, 0, c], norm.bias[0, 0, c]
            expected[b, :, c] = gain * x[b, :, c] * energy[c] / (mean + 1e-6) + bias + x[b, :, c]
    torch.testing.assert_close(norm(x, None), expected, atol=1e-6, rtol=1e-5)


def test_time_embedding_is_sines_then_cosines() -> None:
    embedding = dit.TimeEmbedding(8, 6)
    time = torch.tensor([0.3])
    rates = [math.exp(-k * math.log(10000) / 3) for k in range(4)]
    phases = [1000 * 0.3 * rate for rate in rates]
    table = torch.tensor([[math.sin(p) for p in phases] + [math.cos(p) for p in phases]])
    expected = embedding.projection(torch.nn.functional.silu(embedding.entry(table)))
    torch.testing.assert_close(embedding(time), expected, atol=1e-4, rtol=1e-3)  # sines of 300 rad in float32


def test_attention_looks_at_every_frame_with_every_head() -> None:
    attention = dit.Attention(8, 2)
    tiny.enliven(attention)
    x = torch.randn(1, 6, 8)
    phases = torch.outer(torch.arange(6).float(), dit.inverse_frequencies(4))
    rotation = dit.Rotation(phases.cos(), phases.sin())
    query, key, value = rotation.turn(attention.query(x)), rotation.turn(attention.key(x)), attention.value(x)
    mixed = torch.empty_like(x)
    for head in (slice(0, 4), slice(4, 8)):
        for t in range(6):
            weights = torch.softmax(torch.stack([query[0, t, head] @ key[0, s, head] / 2 for s in range(6)]), 0)
            mixed[0, t, head] = sum(weights[s] * value[0, s, head] for s in range(6))
    torch.testing.assert_close(attention(x, rotation, None), attention.out(mixed), atol=1e-5, rtol=1e-4)


def test_padding_does_not_change_a_row(transformer: dit.DiT) -> None:
    """The padding holds noise; energy over time, convolutions and attention must not see it."""
    given = inputs(11, rows=2)
    lengths = torch.tensor([11, 7])
    mask = length_mask(lengths, 11).transpose(1, 2)
    together = velocity(transformer, given, mask)
    alone = velocity(transformer, tuple(x[1:, :7] if x.dim() == 3 else x[1:] for x in given))
    torch.testing.assert_close(together[1:, :7], alone, atol=1e-5, rtol=1e-4)
    assert not together[1, 7:].any()
    whole = velocity(transformer, tuple(x[:1] for x in given))
    torch.testing.assert_close(together[:1], whole, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("which", range(4))
def test_every_input_is_heard(transformer: dit.DiT, which: int) -> None:
    given, other = list(inputs(8)), inputs(8, seed=2)
    usual = velocity(transformer, given)
    given[which] = other[which]
    assert (velocity(transformer, given) - usual).abs().max() > 0.01 * usual.abs().max()


def test_the_step_is_heard_beside_the_time(transformer: dit.DiT) -> None:
    time = torch.tensor([0.5])
    near, far = transformer.moment(time, torch.tensor([0.1])), transformer.moment(time, torch.tensor([0.2]))
    assert (near - far).abs().max() > 0.01


def test_a_fresh_transformer_is_still() -> None:
    """AdaLN-zero: it begins with no velocity at all. The synthesizer's `initialise` sets it so."""
    network = tiny.FlowMatchingSoVITS(replace(tiny.LIKE_V3))
    assert not velocity(network.transformer, inputs(5)).any()

"""Masks, slices, the WaveNet stack, and that folding weight norm changes nothing but its form."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from core_model.sovits.layers import ChannelNorm, WaveNet, fold_weight_norm, length_mask, take_frames
from tests.core_model.sovits import tiny


def test_length_mask() -> None:
    assert length_mask(torch.tensor([0, 2, 3]), 3).tolist() == [[[0, 0, 0]], [[1, 1, 0]], [[1, 1, 1]]]


def test_take_frames_takes_each_row_from_its_own_start() -> None:
    x = torch.arange(2 * 3 * 8).reshape(2, 3, 8)
    taken = take_frames(x, torch.tensor([5, 0]), 3)
    assert torch.equal(taken[0], x[0, :, 5:8])
    assert torch.equal(taken[1], x[1, :, 0:3])


def test_channel_norm_equals_norm_over_each_frame() -> None:
    x = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(0)) * 3 + 1
    out = ChannelNorm(6)(x)
    torch.testing.assert_close(out.mean(1), torch.zeros(2, 5), atol=1e-6, rtol=0)
    torch.testing.assert_close(out.var(1, unbiased=False), torch.ones(2, 5), atol=1e-4, rtol=0)


def test_wavenet_hears_its_style_and_ignores_padding() -> None:
    torch.manual_seed(0)
    wavenet = WaveNet(8, 5, 3, 6)
    x, style, mask = torch.randn(2, 8, 12), torch.randn(2, 6, 1), length_mask(torch.tensor([12, 7]), 12)
    out = wavenet(x * mask, style, mask)
    torch.testing.assert_close(out[1:, :, :7], wavenet(x[1:, :, :7], style[1:], None))
    assert not out[1, :, 7:].any()
    assert not torch.allclose(wavenet(x, style, None), wavenet(x, style + 1, None), atol=1e-3)


def test_wavenet_equals_the_recurrence_written_out() -> None:
    """tanh of the first half, gated by the second; the residual first, the skip second; the last layer all skip."""
    torch.manual_seed(0)
    wavenet = WaveNet(8, 5, 2, 6)
    x, style = torch.randn(1, 8, 9), torch.randn(1, 6, 1)
    first, second = wavenet.layers
    condition = wavenet.condition(style)
    hidden = first.inner(x) + condition[:, :16]
    out = first.outer(torch.tanh(hidden[:, :8]) * torch.sigmoid(hidden[:, 8:]))
    hidden = second.inner(x + out[:, :8]) + condition[:, 16:]
    expected = out[:, 8:] + second.outer(torch.tanh(hidden[:, :8]) * torch.sigmoid(hidden[:, 8:]))
    torch.testing.assert_close(wavenet(x, style, None), expected)


@pytest.mark.parametrize("name", tiny.ALL)
def test_folding_weight_norm_leaves_the_waveform(name: str) -> None:
    """In float64, so that what differs is the form and not a rounding; float32 at full size: tests/golden."""
    dims = tiny.ALL[name]
    network = tiny.lively(dims).double()
    folded = fold_weight_norm(copy.deepcopy(network))
    assert any(parametrize.is_parametrized(layer) for layer in network.modules())
    assert not any(parametrize.is_parametrized(layer) for layer in folded.modules())
    data = tiny.batch(dims, [9], [5]).row(0)
    noise = torch.randn(1, dims.noise_channels, 18, generator=torch.Generator().manual_seed(4)).double()
    style = torch.randn(1, dims.style, 1, generator=torch.Generator().manual_seed(3)).double()
    with torch.no_grad():
        before = network.decode(data.codes, data.phonemes, style, noise, 0.7)
        after = folded.decode(data.codes, data.phonemes, style, noise, 0.7)
    assert (before - after).abs().max() <= 1e-6 * before.abs().max()


def test_folding_is_exact_in_float64() -> None:
    """g * v / |v|, |v| over all but the first axis, for convolutions and for transposed ones alike."""
    torch.manual_seed(0)
    for layer in (nn.Conv1d(3, 4, 5), nn.ConvTranspose1d(3, 4, 5), nn.Conv2d(3, 4, (5, 1))):
        normed = torch.nn.utils.parametrizations.weight_norm(layer)
        g = normed.parametrizations.weight.original0.detach().double() * 1.7
        v = normed.parametrizations.weight.original1.detach().double()
        normed.parametrizations.weight.original0.data = g.float()
        g = g.float().double()
        expected = torch.stack([g[i] * v[i] / v[i].norm() for i in range(len(v))]).float()
        assert torch.equal(fold_weight_norm(normed).weight, expected)


def test_folded_weights_can_be_saved_and_loaded() -> None:
    folded = fold_weight_norm(tiny.lively(tiny.LIKE_V2, with_posterior=False))
    other = fold_weight_norm(tiny.lively(tiny.LIKE_V2, with_posterior=False, seed=9))
    other.load_state_dict(folded.state_dict(), strict=True)
    assert all(torch.equal(a, b) for a, b in zip(folded.parameters(), other.parameters(), strict=True))

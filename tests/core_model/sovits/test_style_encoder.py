"""The style: padding does not change it, order of frames hardly, the upper bins not at all."""

from __future__ import annotations

import math

import pytest
import torch

from core_model.sovits.layers import length_mask
from core_model.sovits.style_encoder import StyleAttention
from core_model.sovits.synthesizer import SoVITS
from tests.core_model.sovits import tiny


def test_padding_does_not_change_the_style() -> None:
    network = tiny.lively(tiny.LIKE_V2)
    spectrogram = torch.rand(2, 33, 14)
    mask = length_mask(torch.tensor([14, 5]), 14)
    padded = network.style(spectrogram, mask)
    assert padded.shape == (2, 32, 1)
    torch.testing.assert_close(padded[1:], network.style(spectrogram[1:, :, :5]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(padded[:1], network.style(spectrogram[:1]), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(padded[:1], padded[1:], atol=1e-2)


def test_bins_above_the_network_are_left_out() -> None:
    network = tiny.lively(tiny.LIKE_V2)
    spectrogram = torch.rand(1, 33, 6)
    louder = spectrogram.clone()
    louder[:, 20:] += 5
    assert torch.equal(network.style(spectrogram), network.style(louder))


def test_attention_is_tempered_by_the_whole_width() -> None:
    torch.manual_seed(0)
    attention = StyleAttention(8, 2, 0.0)
    x = torch.randn(1, 5, 8)
    heads = []
    for rows in (slice(0, 4), slice(4, 8)):
        query, key, value = (part(x)[0, :, rows] for part in (attention.query, attention.key, attention.value))
        heads.append(torch.softmax(query @ key.T / math.sqrt(8), 1) @ value)
    torch.testing.assert_close(attention(x, None)[0], x[0] + attention.out(torch.cat(heads, 1)))


def test_a_speaker_vector_is_heard_and_required() -> None:
    network = tiny.lively(tiny.LIKE_PRO)
    spectrogram = torch.rand(1, 33, 6)
    one, other = (network.style(spectrogram, None, torch.randn(1, 40)) for _ in range(2))
    assert (one - other).abs().max() > 0.1
    with pytest.raises(ValueError, match="speaker vector"):
        network.style(spectrogram)
    assert SoVITS(tiny.LIKE_V2).speaker_projection is None

"""The HiFi-GAN decoder: lengths, range, and the order of its residual blocks."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from core_model.sovits.families import FAMILIES
from core_model.sovits.generator import Generator, ResidualBlock
from core_model.sovits.synthesizer import SoVITS
from tests.core_model.sovits import tiny


@pytest.mark.parametrize("frames", [1, 5, 12])
def test_every_frame_becomes_its_samples(frames: int) -> None:
    decoder = tiny.lively(tiny.LIKE_V2).decoder
    waveform = decoder(torch.randn(2, 12, frames), torch.randn(2, 32, 1))
    assert waveform.shape == (2, 1, 16 * frames)
    assert waveform.abs().max() <= 1
    assert waveform.std() > 1e-3


@pytest.mark.parametrize("family", ["v1", "v2", "v2Pro", "v2ProPlus"])
def test_upstream_shapes_give_640_samples_a_frame(family: str) -> None:
    with torch.device("meta"):
        decoder = SoVITS(FAMILIES[family], with_posterior=False).decoder
        style = torch.empty(1, FAMILIES[family].style, 1)
        assert decoder(torch.empty(1, 192, 3), style).shape == (1, 1, 3 * 640)


def test_a_residual_block_adds_each_pair_to_its_input() -> None:
    torch.manual_seed(0)
    block = ResidualBlock(4, 3, (1, 3))
    x = expected = torch.randn(1, 4, 20)
    for dilated, plain in zip(block.dilated, block.plain, strict=True):
        inner = F.conv1d(
            F.leaky_relu(expected, 0.1), dilated.weight, dilated.bias, padding="same", dilation=dilated.dilation
        )
        expected = expected + F.conv1d(F.leaky_relu(inner, 0.1), plain.weight, plain.bias, padding="same")
    torch.testing.assert_close(block(x), expected)


def test_fresh_upsampling_weights_are_small_and_normed() -> None:
    torch.manual_seed(0)
    decoder = Generator(12, 32, tiny.LIKE_V2.decoder)
    decoder.initialise()
    weight = decoder.stages[0].up.weight
    assert 0.008 < weight.std() < 0.012


def test_the_last_slope_is_a_tenth_of_the_others() -> None:
    decoder = tiny.lively(tiny.LIKE_V2).decoder
    x = torch.randn(1, 2, 30)
    decoder.stages, decoder.condition, decoder.entry = torch.nn.ModuleList(), torch.nn.Identity(), torch.nn.Identity()
    negative, positive = x.clamp(max=0), x.clamp(min=0)
    expected = torch.tanh(decoder.exit(positive + 0.01 * negative))
    torch.testing.assert_close(decoder(x, torch.zeros(1, 2, 1)), expected)

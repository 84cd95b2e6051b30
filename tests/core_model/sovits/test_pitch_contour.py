"""The pitch that codes say: float64, the same alone and padded, and stretched as torch stretches."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from core_model.sovits.layers import length_mask
from core_model.sovits.pitch_contour import PitchContour, stretched

STYLE, LEVELS, PER_CODE = 6, 4, 2


def contour(seed: int = 0) -> PitchContour:
    """Weights wide enough that everything is heard."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        built = PitchContour(STYLE, LEVELS, 8, PER_CODE)
        for parameter in built.parameters():
            nn.init.normal_(parameter, std=0.4)
    return built.requires_grad_(False)


def given_to(rows: int, codes: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 40, (rows, codes), generator=generator), torch.randn(rows, STYLE, 1, generator=generator)


def slow(network: PitchContour, codes: list[int], style: Tensor) -> Tensor:
    """One utterance, frame by frame."""
    weights = {name: tensor.double() for name, tensor in network.state_dict().items()}
    said = weights["condition.weight"] @ style.double() + weights["condition.bias"]
    x = [weights["embedding.weight"][code % LEVELS] + said for code in codes for _ in range(PER_CODE)]
    for layer in range(3):
        padded = [torch.zeros_like(said)] * 2 + x + [torch.zeros_like(said)] * 2
        weight, bias = weights[f"layers.{layer}.weight"], weights[f"layers.{layer}.bias"]
        x = [row + torch.relu(weight @ torch.cat(padded[at : at + 5]) + bias) for at, row in enumerate(x)]
    projected = [weights["projection.weight"][0] @ row + weights["projection.bias"][0] for row in x]
    return torch.stack(projected) + math.log(150.0)


def test_it_is_the_slow_one() -> None:
    network = contour()
    codes, style = given_to(1, 7)
    expected = slow(network, codes[0].tolist(), style[0, :, 0])
    torch.testing.assert_close(network(codes, style, None)[0, 0], expected, atol=1e-12, rtol=0)


def test_it_is_float64_also_where_weights_rest_in_half_and_under_autocast() -> None:
    network = contour().half()
    codes, style = given_to(2, 5)
    usual = network(codes, style, None)
    assert usual.shape == (2, 1, 5 * PER_CODE)
    assert usual.dtype == torch.float64
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network(codes, style, None), usual)
    single = contour().half().float()(codes, style, None)
    assert torch.equal(single, usual)


def test_a_row_of_a_batch_is_the_row_alone_and_padding_is_zero() -> None:
    network = contour()
    codes, style = given_to(3, 9)
    lengths = torch.tensor([18, 7, 12])  # frames; the second ends inside a code
    together = network(codes, style, length_mask(lengths, 18))
    for row, length in enumerate(lengths.tolist()):
        count = -(-length // PER_CODE)
        mask = length_mask(torch.tensor([length]), count * PER_CODE)
        alone = network(codes[row : row + 1, :count], style[row : row + 1], mask)
        torch.testing.assert_close(together[row, :, :length], alone[0, :, :length], atol=1e-12, rtol=0)
        assert not together[row, :, length:].any()
    whole = network(codes, style, None)
    torch.testing.assert_close(together[0], whole[0], atol=1e-12, rtol=0)


def test_what_padding_holds_is_not_heard() -> None:
    network = contour()
    codes, style = given_to(1, 9)
    mask = length_mask(torch.tensor([10]), 18)
    other = codes.clone()
    other[:, 5:] += 1
    assert torch.equal(network(codes, style, mask), network(other, style, mask))
    assert not torch.equal(network(codes, style, None)[:, :, :10], network(other, style, None)[:, :, :10])


def test_only_the_level_of_a_code_is_read_and_the_style() -> None:
    network = contour()
    codes, style = given_to(1, 9)
    usual = network(codes, style, None)
    assert torch.equal(network(codes + 3 * LEVELS, style, None), usual)
    assert (network(codes + 1, style, None) - usual).abs().min() > 1e-6
    assert (network(codes, style + 0.1, None) - usual).abs().min() > 1e-6


def test_an_untrained_one_says_a_usual_pitch() -> None:
    torch.manual_seed(0)
    hertz = PitchContour(STYLE, LEVELS, 64, PER_CODE)(*given_to(1, 20), None).exp()
    assert 60 < hertz.min() < hertz.max() < 400


@settings(max_examples=50)
@given(st.integers(1, 40), st.integers(1, 100))
def test_stretching_is_that_of_torch(frames: int, wanted: int) -> None:
    line = torch.randn(2, 1, frames, dtype=torch.float64, generator=torch.Generator().manual_seed(frames))
    expected = F.interpolate(line, size=wanted, mode="linear", align_corners=False)
    found = stretched(line, wanted)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("frames", [1, 2, 17])
def test_stretching_to_the_same_length_changes_nothing(frames: int) -> None:
    line = torch.randn(1, 1, frames, dtype=torch.float64)
    assert torch.equal(stretched(line, frames), line)

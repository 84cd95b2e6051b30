"""Codes are the nearest rows, margins the gap to the second."""

from __future__ import annotations

import pytest
import torch

from core_model.sovits.quantizer import Quantizer
from core_model.sovits.synthesizer import SoVITS
from tests.core_model.sovits import tiny


@pytest.mark.parametrize("frames", [2, 7, 8])
def test_codes_are_the_nearest_rows(frames: int) -> None:
    quantizer = tiny.lively(tiny.LIKE_V2).quantizer
    ssl = 3 * torch.randn(2, 20, frames, generator=torch.Generator().manual_seed(frames))
    with torch.no_grad():
        codes, margins = quantizer.encode(ssl)
        rows = quantizer.projection(ssl).transpose(1, 2)
    assert codes.shape == margins.shape == (2, frames // 2)
    distances = (rows[:, :, None] - quantizer.codebook).square().sum(3).sort(2)
    assert torch.equal(codes, distances.indices[:, :, 0])
    torch.testing.assert_close(margins, distances.values[:, :, 1] - distances.values[:, :, 0], atol=1e-4, rtol=1e-4)


def test_codes_become_their_rows() -> None:
    quantizer = Quantizer(tiny.LIKE_V2)
    rows = quantizer(torch.tensor([[4, 0, 4]]))
    assert torch.equal(rows[0, :, 0], quantizer.codebook[4])
    assert torch.equal(rows[0, :, 2], quantizer.codebook[4])


def test_without_features_there_is_nothing_to_quantize_and_nothing_idle_is_stored() -> None:
    network = SoVITS(tiny.LIKE_NANO)
    assert set(network.quantizer.state_dict()) == {"codebook"}
    with pytest.raises(ValueError, match="ssl_width"):
        network.encode_codes(torch.randn(1, 20, 4))

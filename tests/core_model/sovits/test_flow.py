"""The flow is invertible, masked, and not the identity once its weights are not zero."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from core_model.sovits.flow import Flow
from core_model.sovits.layers import length_mask
from core_model.sovits.synthesizer import SoVITS
from tests.core_model.sovits import tiny


@pytest.mark.parametrize("couplings", [1, 2, 3, 4])
def test_reverse_undoes_forward(couplings: int) -> None:
    flow = tiny.lively(replace(tiny.LIKE_V2, flow_couplings=couplings)).flow
    z, style = torch.randn(2, 12, 9), torch.randn(2, 32, 1)
    mask = length_mask(torch.tensor([9, 4]), 9)
    with torch.no_grad():
        z_p = flow(z * mask, style, mask)
        back = flow.reverse(z_p, style, mask)
    torch.testing.assert_close(back, z * mask, atol=1e-5, rtol=1e-5)
    assert (z_p - z * mask).abs().max() > 0.1


def test_volume_is_preserved() -> None:
    """No log-determinant enters the loss: the Jacobian's must be zero."""
    flow = tiny.lively(tiny.LIKE_V2).flow.double()
    z, style = torch.randn(1, 12, 2, dtype=torch.float64), torch.randn(1, 32, 1, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda x: flow(x, style, None), z).reshape(24, 24)
    sign, log_determinant = torch.linalg.slogdet(jacobian)
    assert abs(float(log_determinant)) < 1e-9
    assert abs(float(sign)) == 1


def test_a_fresh_flow_only_flips() -> None:
    """Zero shifts: training starts from the identity (an even number of flips)."""
    flow: Flow = SoVITS(tiny.LIKE_V2).flow
    z = torch.randn(1, 12, 5)
    assert torch.equal(flow(z, torch.randn(1, 32, 1), None), z)

"""An invertible map between the posterior's latent z and the prior's z_p: mean-only affine couplings and flips.

Knows nothing of text or audio. Volume preserving, so no log-determinant is needed. Reference: Dinh 2017 (couplings),
Kim 2021 (VITS). B batch, C latent channels, F frames, S style.

    forward (training)   z   ─▶ [coupling ─▶ flip] × n ─▶ z_p
    reverse (speaking)   z_p ─▶ [flip ─▶ coupling⁻¹] × n ─▶ z
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core_model.sovits.dims import SoVITSDims
from core_model.sovits.layers import WaveNet, masked


class Coupling(nn.Module):
    """Shifts one half of the channels by what it reads from the other half."""

    def __init__(self, dims: SoVITSDims) -> None:
        super().__init__()
        half = dims.latent // 2
        self.entry = nn.Conv1d(half, dims.hidden, 1)
        self.wavenet = WaveNet(dims.hidden, dims.flow_kernel, dims.flow_wavenet_layers, dims.style)
        self.shift = nn.Conv1d(dims.hidden, half, 1)

    def forward(self, x: Tensor, style: Tensor, mask: Tensor | None) -> Tensor:
        """(B, C, F), (B, S, 1) -> (B, C, F): the first half as it is, the second shifted."""
        kept, moved = x.chunk(2, 1)
        return torch.cat([kept, moved + self.read(kept, style, mask)], 1)

    @torch.jit.export  # or the reversed walk below would not find it in TorchScript
    def reverse(self, x: Tensor, style: Tensor, mask: Tensor | None) -> Tensor:
        """The inverse of `forward`."""
        kept, moved = x.chunk(2, 1)
        return torch.cat([kept, moved - self.read(kept, style, mask)], 1)

    def read(self, kept: Tensor, style: Tensor, mask: Tensor | None) -> Tensor:
        """The shift of the other half, from this one: (B, C / 2, F) -> (B, C / 2, F)."""
        hidden = self.wavenet(masked(self.entry(kept), mask), style, mask)
        return masked(self.shift(hidden), mask)


class Flow(nn.Module):
    """All couplings, with the channels flipped between them."""

    def __init__(self, dims: SoVITSDims) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(Coupling(dims) for _ in range(dims.flow_couplings))

    def forward(self, z: Tensor, style: Tensor, mask: Tensor | None) -> Tensor:
        """z (B, C, F) -> z_p (B, C, F)."""
        for coupling in self.couplings:
            z = torch.flip(coupling(z, style, mask), [1])
        return z

    def reverse(self, z_p: Tensor, style: Tensor, mask: Tensor | None) -> Tensor:
        """z_p (B, C, F) -> z (B, C, F)."""
        for coupling in self.couplings[::-1]:
            z_p = coupling.reverse(torch.flip(z_p, [1]), style, mask)
        return z_p

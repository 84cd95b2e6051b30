"""What the decoders that predict spectra have in common: latent frames in a style to hidden spectral frames.

Knows nothing of what is predicted from them. Reference: Liu 2022 (ConvNeXt), Siuzdak 2023 (Vocos). B batch, F latent
frames, U = latent hop / hop, G = F * U spectral frames, W width, S style.

    z (B, latent, F) ─▶ entry (B, W * U, F) ─▶ (B, W, G) + style ─▶ norm ─▶ blocks ─▶ norm ─▶ hidden (B, G, W)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.sovits.dims import ISTFTDims, SourceFilterDims


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over time, then a wide mix of channels, scaled and added to the input."""

    def __init__(self, width: int, inner: int, scale: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.expand = nn.Linear(width, inner)
        self.contract = nn.Linear(inner, width)
        self.scale = nn.Parameter(torch.full((width,), scale))

    def forward(self, x: Tensor) -> Tensor:
        """(B, W, G) -> (B, W, G)."""
        mixed = self.contract(F.gelu(self.expand(self.norm(self.depthwise(x).transpose(1, 2)))))
        return x + (self.scale * mixed).transpose(1, 2)


class ConvNeXtDecoder(nn.Module):
    """The blocks of a decoder, at the rate of its spectral frames; *predicted* values come out of its head."""

    def __init__(
        self, latent: int, style: int, latent_hop: int, dims: ISTFTDims | SourceFilterDims, predicted: int
    ) -> None:
        super().__init__()
        self.width = dims.width
        self.upsampling = latent_hop // dims.hop
        self.entry = nn.Conv1d(latent, dims.width * self.upsampling, 7, padding=3)
        self.condition = nn.Conv1d(style, dims.width, 1)
        self.entry_norm = nn.LayerNorm(dims.width, eps=1e-6)
        inner = dims.width * dims.expansion
        self.blocks = nn.ModuleList(ConvNeXtBlock(dims.width, inner, 1 / dims.blocks) for _ in range(dims.blocks))
        self.exit_norm = nn.LayerNorm(dims.width, eps=1e-6)
        self.head = nn.Linear(dims.width, predicted)

    def hidden(self, z: Tensor, style: Tensor) -> Tensor:
        """(B, latent, F), (B, S, 1) -> what the head reads (B, G, W)."""
        entered = self.entry(z)  # (B, W * up, F): one set of filters for each spectral frame of a latent frame
        entered = entered.reshape(z.shape[0], self.width, self.upsampling, z.shape[2]).transpose(2, 3)
        x = entered.reshape(z.shape[0], self.width, z.shape[2] * self.upsampling) + self.condition(style)
        x = self.entry_norm(x.transpose(1, 2)).transpose(1, 2)  # (B, W, G)
        for block in self.blocks:
            x = block(x)
        return self.exit_norm(x.transpose(1, 2))

    def initialise(self) -> None:
        """Small truncated-normal weights and no biases, as Vocos's authors do."""
        for layer in self.modules():
            if isinstance(layer, (nn.Conv1d, nn.Linear)):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

"""Speech features to the nearest rows of a codebook, and rows back from their numbers.

Knows nothing of what made the features (upstream: HuBERT at 50 Hz). The codebook does not learn here by moving
averages: a training loop freezes it, or trains it as the embedding it is. Reference: INFERENCE.md §1a.
B batch, U features, W code width, T50 feature frames, T codes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core_model.sovits.dims import SoVITSDims


class Quantizer(nn.Module):
    """One codebook; with features to quantize, also the projection that halves their rate."""

    def __init__(self, dims: SoVITSDims) -> None:
        super().__init__()
        self.codebook = nn.Parameter(torch.randn(dims.semantic_codes, dims.code_width))
        self.projection: nn.Conv1d | None = None
        if dims.ssl_width:
            stride = dims.code_upsampling
            self.projection = nn.Conv1d(dims.ssl_width, dims.code_width, stride, stride)
            # upstream's moving averages: nothing reads them, but a voice is written back whole
            self.register_buffer("initialised", torch.ones(1))
            self.register_buffer("cluster_size", torch.ones(dims.semantic_codes))
            self.register_buffer("codebook_sum", self.codebook.detach().clone())

    def forward(self, codes: Tensor) -> Tensor:
        """(B, T) int64 -> their rows (B, W, T)."""
        return F.embedding(codes, self.codebook).transpose(1, 2)

    def encode(self, ssl: Tensor) -> tuple[Tensor, Tensor]:
        """(B, U, T50) -> codes (B, T) int64 and margins (B, T): how much farther, squared, the second row is."""
        if self.projection is None:
            raise ValueError("this network takes codes, not features: its ssl_width is 0")
        rows = self.projection(ssl).transpose(1, 2)  # (B, T, W)
        products = torch.matmul(rows, self.codebook.t())
        distances = rows.square().sum(2, keepdim=True) - 2 * products + self.codebook.square().sum(1)
        nearest = torch.topk(distances, 2, dim=2, largest=False)
        return nearest.indices[:, :, 0], nearest.values[:, :, 1] - nearest.values[:, :, 0]

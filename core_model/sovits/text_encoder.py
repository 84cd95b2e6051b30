"""Codes, phonemes and a style to the statistics of the prior: three transformers and the fusion between them.

Knows nothing of spectrograms, of waveforms or of where codes come from. Reference: Kim 2021 (VITS, text encoder);
Jiang 2023 (the multi-reference timbre encoder that the fusion is named MRTE after); INFERENCE.md §5.
B batch, P phonemes, F latent frames, S style.

    quantized (B, W, F) ─▶ projection ─▶ code encoder ─┐
                                                     fusion ─▶ fused encoder ─▶ (speed) ─▶ projection ─▶ m_p, logs_p
    phonemes  (B, P)  ─▶ embedding ─▶ phoneme encoder ─┘ ▲
                                                   style ┘
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from core_model.sovits.attention import Attention, Transformer
from core_model.sovits.dims import SoVITSDims
from core_model.sovits.layers import masked


class Fusion(nn.Module):
    """Frames look up their phonemes by cross attention; the style is added to all of them."""

    def __init__(self, dims: SoVITSDims) -> None:
        super().__init__()
        self.code_projection = nn.Conv1d(dims.hidden, dims.fusion_width, 1)
        self.phoneme_projection = nn.Conv1d(dims.hidden, dims.fusion_width, 1)
        self.attention = Attention(dims.fusion_width, dims.fusion_heads, 0.0)
        self.projection = nn.Conv1d(dims.fusion_width, dims.hidden, 1)

    def forward(
        self, frames: Tensor, mask: Tensor | None, phonemes: Tensor, phoneme_mask: Tensor | None, style: Tensor
    ) -> Tensor:
        """(B, C, F) and (B, C, P) and (B, fusion_width, 1) -> (B, C, F)."""
        queries = self.code_projection(masked(frames, mask))
        context = self.phoneme_projection(masked(phonemes, phoneme_mask))
        fused = self.attention(masked(queries, mask), masked(context, phoneme_mask), phoneme_mask) + queries + style
        return self.projection(masked(fused, mask))


class TextEncoder(nn.Module):
    """Quantized codes and phonemes, in their style, to the prior's statistics: encode, (stretch), statistics."""

    def __init__(self, dims: SoVITSDims) -> None:
        super().__init__()
        self.code_projection = nn.Conv1d(dims.code_width, dims.hidden, 1)
        self.code_encoder = _transformer(dims, dims.code_layers)
        self.phoneme_embedding = nn.Embedding(dims.phonemes, dims.hidden)
        self.phoneme_encoder = _transformer(dims, dims.phoneme_layers)
        self.fusion = Fusion(dims)
        self.fused_encoder = _transformer(dims, dims.fused_layers)
        self.projection = nn.Conv1d(dims.hidden, 2 * dims.latent, 1)

    def encode(
        self,
        quantized: Tensor,
        mask: Tensor | None,
        phonemes: Tensor,
        phoneme_mask: Tensor | None,
        style: Tensor,
    ) -> Tensor:
        """(B, code_width, F), (B, P), (B, fusion_width, 1) -> (B, hidden, F): all that comes before the speed."""
        frames = self.code_encoder(self.code_projection(masked(quantized, mask)), mask)
        context = self.phoneme_encoder(self.phoneme_embedding(phonemes).transpose(1, 2), phoneme_mask)
        return self.fused_encoder(self.fusion(frames, mask, context, phoneme_mask, style), mask)

    def statistics(self, encoded: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, hidden, F) -> m_p and logs_p, each (B, latent, F)."""
        mean, log_scale = masked(self.projection(encoded), mask).chunk(2, 1)
        return mean, log_scale


def stretch(x: Tensor, frames: int) -> Tensor:
    """Linear interpolation of (B, C, F) to *frames*; the identity where the length is already right."""
    return F.interpolate(x, size=frames, mode="linear", align_corners=False)


def repeat_frames(x: Tensor, times: int) -> Tensor:
    """Each frame of (B, C, T) *times* over -> (B, C, times * T)."""
    return x.unsqueeze(-1).expand(-1, -1, -1, times).reshape(x.shape[0], x.shape[1], times * x.shape[2])


def _transformer(dims: SoVITSDims, layers: int) -> Transformer:
    return Transformer(
        layers,
        width=dims.hidden,
        inner=dims.feedforward,
        heads=dims.heads,
        kernel=dims.kernel,
        dropout=dims.dropout,
        window=dims.window,
    )

"""The two networks as functions of arrays alone: what ONNX and TorchScript hold.

Wraps the one network; adds no weights and no arithmetic of its own. Knows no file format. Nothing in here depends on a
value in Python, so that lengths stay free: P phonemes, T tokens, R = P + T rows, S rows seen before (each may be 0).

    gpt     phonemes (1, P), tokens (1, T), [word_features (1, P, F)], first_position (), mask (1, 1, R, S + R), past
            -> logits (1, V) after the last row, new                        past (S, L, 2, H, D), new (R, L, 2, H, D)
    sovits  tokens (1, T), phonemes (1, P), style (1, S, 1), noise (1, C, F), noise_scale () -> waveform (1, 1, N)

The first pass over phonemes and prompt, and each step (P = 0, T = 1), are the same graph: weights are stored once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core_model.gpt import GPT, GPTDims
from core_model.sovits.dims import SoVITSDims
from core_model.sovits.synthesizer import SoVITS

GPT_OUTPUTS = ("logits", "new")
SOVITS_INPUTS = ("tokens", "phonemes", "style", "noise", "noise_scale")
SOVITS_OUTPUTS = ("waveform",)
FREE_LENGTHS = {
    "phonemes": {1: "P"},
    "tokens": {1: "T"},
    "word_features": {1: "P"},
    "mask": {2: "R", 3: "S_and_R"},
    "past": {0: "S"},
    "new": {0: "R"},
    "noise": {2: "F"},
    "waveform": {2: "N"},
}


def gpt_inputs(dims: GPTDims) -> tuple[str, ...]:
    """Names of the inputs in order."""
    features = ("word_features",) if dims.word_features else ()
    return ("phonemes", "tokens", *features, "first_position", "mask", "past")


class GPTGraph(nn.Module):
    """First pass and step of a GPT without word features."""

    def __init__(self, gpt: GPT) -> None:
        super().__init__()
        self.gpt = gpt

    def forward(
        self, phonemes: Tensor, tokens: Tensor, first_position: Tensor, mask: Tensor, past: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See the top of this file."""
        return self.extend(self.gpt.embed_phonemes(phonemes), tokens, first_position, mask, past)

    def extend(
        self, phoneme_rows: Tensor, tokens: Tensor, first_position: Tensor, mask: Tensor, past: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What comes after the phonemes' rows (1, P, C) are known."""
        rows = torch.cat((phoneme_rows, self.gpt.embed_tokens(tokens, first_position)), dim=1)
        hidden, new = self.gpt.extend_functional(rows, mask, past)
        return self.gpt.head(hidden[:, -1]), new


class GPTGraphWithFeatures(GPTGraph):
    """The same, for a GPT that reads word features."""

    def forward(  # type: ignore[override]
        self,
        phonemes: Tensor,
        tokens: Tensor,
        word_features: Tensor,
        first_position: Tensor,
        mask: Tensor,
        past: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """See the top of this file."""
        return self.extend(self.gpt.embed_phonemes(phonemes, word_features), tokens, first_position, mask, past)


class SoVITSGraph(nn.Module):
    """Tokens to waveform."""

    def __init__(self, sovits: SoVITS) -> None:
        super().__init__()
        self.sovits = sovits

    def forward(self, tokens: Tensor, phonemes: Tensor, style: Tensor, noise: Tensor, noise_scale: Tensor) -> Tensor:
        """See the top of this file."""
        return self.sovits.decode_frames(tokens, phonemes, style, noise, noise_scale)


def gpt_graph(gpt: GPT) -> GPTGraph:
    """The graph of *gpt*, which must be in eval mode: in training mode dropout would be recorded."""
    return (GPTGraphWithFeatures if gpt.dims.word_features else GPTGraph)(gpt).eval()


def gpt_example(dims: GPTDims) -> tuple[Tensor, ...]:
    """Inputs to trace with: all lengths differ and none is 0 or 1, so that no axis passes for another or a constant."""
    phonemes, tokens, seen = 5, 3, 4
    rows = phonemes + tokens
    features = (torch.zeros(1, phonemes, dims.word_features),) if dims.word_features else ()
    return (
        torch.arange(phonemes)[None] % dims.phonemes,
        torch.arange(tokens)[None] % dims.semantic_tokens,
        *features,
        torch.tensor(2),
        torch.ones(1, 1, rows, seen + rows, dtype=torch.bool),
        torch.zeros(seen, dims.layers, 2, dims.heads, dims.width // dims.heads),
    )


def sovits_example(dims: SoVITSDims) -> tuple[Tensor, ...]:
    """Inputs to trace with; see `gpt_example`. Not at speed 1, so that stretching is recorded."""
    tokens, phonemes = 7, 5
    return (
        torch.arange(tokens)[None] % dims.semantic_codes,
        torch.arange(phonemes)[None] % dims.phonemes,
        torch.zeros(1, dims.style, 1),
        torch.zeros(1, dims.noise_channels, dims.frames_for(tokens, 0.75)),
        torch.tensor(0.5),
    )

"""Tiny networks of upstream's kind, and utterances that can be learnt: each code has a tone, each phoneme a code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from core_model.gpt import GPT, GPTDims
from core_model.sovits.dims import HiFiGANDims, SoVITSDims
from core_model.sovits.discriminator import DiscriminatorDims, MultiPeriodDiscriminator
from core_model.sovits.synthesizer import SoVITS
from core_model.training.fine_tuning.utterances import HOP, SAMPLE_RATE, Utterance, Utterances

LIKE_V2 = SoVITSDims(
    phonemes=20,
    semantic_codes=16,
    code_width=8,
    ssl_width=8,
    hidden=16,
    feedforward=32,
    code_layers=1,
    phoneme_layers=1,
    fused_layers=1,
    fusion_width=24,
    fusion_heads=2,
    style=24,
    style_width=16,
    latent=8,
    flow_couplings=2,
    flow_wavenet_layers=1,
    posterior_layers=2,
    decoder=HiFiGANDims(32, (10, 8, 2, 2, 2), (16, 16, 8, 2, 2), (3,), ((1, 3),)),
)
LIKE_PRO = replace(LIKE_V2, style=16, speaker_vector=12, dropout=0.0)
GPT_DIMS = GPTDims(phonemes=20, semantic_tokens=17, width=32, heads=2, layers=2, word_features=6)
JUDGES = DiscriminatorDims(
    periods=(2, 3), period_widths=(4, 4, 8, 8, 8), scale_widths=(4, 4, 8, 8, 8, 8), scale_groups=(1, 2, 2, 2, 2, 1)
)


def tiny_gpt(seed: int = 0) -> GPT:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return GPT(GPT_DIMS)


def tiny_sovits(dims: SoVITSDims = LIKE_V2, seed: int = 0) -> SoVITS:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SoVITS(dims)


def tiny_judges(seed: int = 0) -> MultiPeriodDiscriminator:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MultiPeriodDiscriminator(JUDGES)


def utterance(seed: int, *, speaker_vector: bool = False, word_features: bool = False) -> Utterance:
    """Five to seven phonemes, each held for four to six codes, each with a tone of its own."""
    rng = np.random.default_rng(seed)
    phonemes = rng.integers(1, 16, int(rng.integers(5, 8)))
    codes = np.repeat(phonemes, rng.integers(4, 7, len(phonemes)))
    hertz = np.repeat(100.0 * (codes + 1), 2 * HOP)
    waveform = 8000 * np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE)
    return Utterance(
        phonemes=phonemes,
        codes=codes,
        waveform=waveform.astype(np.int16),
        word_features=rng.standard_normal((len(phonemes), 6)).astype(np.float16) if word_features else None,
        speaker_vector=rng.standard_normal(12).astype(np.float32) if speaker_vector else None,
    )


def tiny_utterances(count: int = 4, *, speaker_vector: bool = False) -> Utterances:
    made = [utterance(seed, speaker_vector=speaker_vector, word_features=seed % 2 == 0) for seed in range(count)]
    return Utterances(made)

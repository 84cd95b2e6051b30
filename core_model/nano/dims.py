"""Sizes of the nano family: the same two stages as upstream's, small enough to learn a voice on a CPU.

Knows no tensors. 16 kHz, 25 tokens and 50 latent frames a second. What differs from upstream's families, and why:
tokens come from forced alignment (`alignment_codes`, docs/decisions/0007), so there is no SSL projection; the decoder
filters pulses and noise (Liu 2020), which teaches it words in minutes (docs/decisions/0022); style and posterior look
at log mel.
"""

from __future__ import annotations

from core_model.alignment_codes import AlignmentCodes
from core_model.gpt import GPTDims
from core_model.sovits.dims import SourceFilterDims, SoVITSDims

CODES = AlignmentCodes()

GPT_DIMS = GPTDims(
    phonemes=732,
    semantic_tokens=CODES.count + 1,
    width=192,
    heads=3,
    layers=4,
    word_features=0,
)

SOVITS_DIMS = SoVITSDims(
    phonemes=732,
    semantic_codes=CODES.count,
    code_width=128,
    code_upsampling=2,
    ssl_width=0,
    hidden=96,
    feedforward=320,
    heads=2,
    code_layers=2,
    phoneme_layers=2,
    fused_layers=2,
    dropout=0.0,
    fusion_width=128,
    fusion_heads=2,
    style=128,
    style_bins=80,
    style_width=128,
    latent=96,
    flow_couplings=4,
    flow_wavenet_layers=2,
    posterior_layers=6,
    spectrogram_bins=80,
    log_mel=True,
    sample_rate=16_000,
    hop=320,
    fft=1024,
    decoder=SourceFilterDims(width=256, blocks=6, fft=480, hop=160, bands=80, pitch_levels=CODES.pitch_levels),
)

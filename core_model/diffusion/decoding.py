"""Tokens to a waveform by flow matching: windows of mel one after another, each continuing the one before.

Knows the order of the steps, not how a network computes them; draws no random numbers. Reference: INFERENCE.md §6.
M mel bands, L mel frames of the utterance, W feature width, N samples. The window is 934 frames in v3, 1000 in v4.

    reference mel and features ─ both cut to the shorter, at most so many of their last frames ─▶ prompt

    window 1   |─ prompt ─|────── new ──────|
    window 2              ······|─ prompt ──|────── new ──────|         the prompt is now what was just made,
    window 3                                            ······|─ ...    its last frames, as many as the first prompt had

    new mels joined ─▶ natural logarithm ─▶ vocoder ─▶ waveform (N,)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from core_model.diffusion.synthesizer import FlowMatchingSoVITS
from core_model.errors import VoiceError
from core_model.features.reference_mel import HIGHEST, LOWEST

MelToWaveform = Callable[[Tensor], Tensor]


@torch.inference_mode()
def decode(
    network: FlowMatchingSoVITS,
    vocoder: MelToWaveform,
    tokens: Tensor,
    phonemes: Tensor,
    prompt_tokens: Tensor,
    prompt_phonemes: Tensor,
    style: Tensor,
    reference_mel: Tensor,
    noise: Tensor,
    steps: int,
    speed: float = 1.0,
) -> Tensor:
    """Tokens (1, T), phonemes (1, P), the prompt's two, style (1, S, 1), normalised reference mel (1, M, R) -> (N,).

    Noise is (1, M, L), L being dims.noise_frames_for(T, speed) (ValueError): that of frame f makes frame f. VoiceError
    if the prompt holds no tokens, no phonemes or no mel: this decoder continues a recording, and needs one.
    """
    wanted = network.dims.noise_frames_for(tokens.shape[1], speed)
    if noise.shape[2] != wanted:
        raise ValueError(f"{tokens.shape[1]} tokens at speed {speed} are {wanted} frames, not {noise.shape[2]}")
    if not (prompt_tokens.numel() and prompt_phonemes.numel() and reference_mel.shape[2]):
        raise VoiceError("prompt", "holds no transcript: this family continues a recording and must know its words")
    heard = network.features(prompt_tokens, prompt_phonemes, style)
    features = network.features(tokens, phonemes, style, speed)
    mel = continue_mel(network, reference_mel, heard, features, noise, steps)
    return vocoder(denormalised(mel))[0, 0]


def continue_mel(
    network: FlowMatchingSoVITS, mel: Tensor, heard: Tensor, features: Tensor, noise: Tensor, steps: int
) -> Tensor:
    """The prompt's normalised mel (1, M, R) and features (1, W, R'), features and noise of L frames -> (1, M, L)."""
    sizes = network.decoder_dims
    shorter = min(mel.shape[2], heard.shape[2])
    kept = min(shorter, sizes.prompt_frames)
    mel, heard = mel[:, :, shorter - kept : shorter], heard[:, :, shorter - kept : shorter]
    new = sizes.window_frames - kept
    made = []
    for start in range(0, features.shape[2], new):
        now = features[:, :, start : start + new]
        known = mel.shape[2]
        window_noise = torch.cat((torch.zeros_like(mel), noise[:, :, start : start + new]), 2)
        window = network.flow(window_noise, mel, torch.cat((heard, now), 2), steps)
        made.append(window[:, :, known:])
        mel, heard = made[-1][:, :, -kept:], now[:, :, -kept:]
    return torch.cat(made, 2)


def denormalised(mel: Tensor) -> Tensor:
    """Normalised mel -> natural logarithms, as vocoders read it."""
    return (mel + 1) / 2 * (HIGHEST - LOWEST) + LOWEST

"""Flow matching: noise to a mel spectrogram in a few steps along learned velocities, and what teaches them.

Knows the transformer by its answers alone, and draws no random numbers: noise, times and steps are arguments.
Reference: Lipman 2023 (conditional flow matching), Frans 2024 (shortcut models); INFERENCE.md §§6, 8.
B batch, L frames, P prompt frames, M mel bands, W feature width.

    time 0: noise ──▶ ... ──▶ time 1: mel        x(t) = (1 - t) noise + t mel        velocity = mel - noise
    |──── prompt: known, zero in x ────|──────────────── to be found ────────────────|
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from core_model.diffusion.dit import DiT


@dataclass(frozen=True, slots=True)
class Lesson:
    """One training pass: what the transformer said, what it should have said, and where that counts."""

    predicted: Tensor = field(repr=False)  # (B, M, L)
    target: Tensor = field(repr=False)  # (B, M, L)
    mask: Tensor = field(repr=False)  # (B, 1, L): one past the prompt and within the utterance

    def loss(self) -> Tensor:
        """The mean squared error of each row over its own frames, averaged over the rows."""
        squares = ((self.predicted - self.target).square() * self.mask).mean(1)  # (B, L)
        return (squares.sum(1) / self.mask.sum((1, 2)).clamp(min=1.0)).mean()


def integrate(transformer: DiT, noise: Tensor, prompt_mel: Tensor, features: Tensor, steps: int) -> Tensor:
    """Noise (B, M, L), prompt (B, M, P), features (B, W, L) -> mel (B, M, L), zero in its first P frames.

    What the noise holds in those frames does not matter. Normalised mels, in and out.
    """
    known = prompt_mel.shape[2]
    unknown = noise.shape[2] - known
    prompt = F.pad(prompt_mel, (0, unknown)).transpose(1, 2)  # (B, L, M)
    x = F.pad(noise[:, :, known:], (known, 0)).transpose(1, 2)
    text = transformer.embed_text(features.transpose(1, 2))
    size = 1.0 / steps
    step = torch.full((noise.shape[0],), size, device=noise.device)
    for index in range(steps):
        moment = transformer.moment(index * step, step)
        x = x + size * transformer(x, prompt, text, moment)
        x = F.pad(x[:, known:], (0, 0, known, 0))
    return x.transpose(1, 2)


def teach(
    transformer: DiT,
    mel: Tensor,
    noise: Tensor,
    features: Tensor,
    frame_lengths: Tensor,
    prompt_frames: Tensor,
    time: Tensor,
    step: Tensor,
    *,
    shortcut: bool = False,
) -> Lesson:
    """The transformer asked at *time* (B,) about mel (B, M, L) from noise (B, M, L), with its first prompt_frames (B,).

    Without *shortcut* the target is the true velocity, and step (B,) should be 0. With it, the target is where two
    steps of the given size lead, as the transformer itself says, and it is asked for one step of twice that size.
    """
    place = torch.arange(mel.shape[2], device=mel.device)[None, :, None]
    real = (place < frame_lengths[:, None, None]).float()  # (B, L, 1)
    past = (place >= prompt_frames[:, None, None]).float() * real
    clean, start = mel.transpose(1, 2), noise.transpose(1, 2)  # (B, L, M)
    prompt = clean * (real - past)
    way = time[:, None, None]
    noisy = ((1 - way) * start + way * clean) * past
    text = transformer.embed_text(features.transpose(1, 2), real)
    target = clean - start
    asked = step
    if shortcut:
        asked = 2 * step
        with torch.no_grad():
            first = transformer(noisy, prompt, text, transformer.moment(time, step), real)
            halfway = (noisy + step[:, None, None] * first) * past
            second = transformer(halfway, prompt, text, transformer.moment(time + step, step), real)
            target = (first + second) / 2
    predicted = transformer(noisy, prompt, text, transformer.moment(time, asked), real)
    return Lesson(predicted.transpose(1, 2), target.transpose(1, 2), past.transpose(1, 2))

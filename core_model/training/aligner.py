"""Trains the aligner's phone classifier on speech whose phones have known times.

Read once, from top to bottom. Knows labelled spectrograms; nothing of transcripts. Frame cross entropy: the recipe of
the base has every frame's phone from the engines themselves, so nothing has to be discovered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn import functional

from core_model.alignment_codes import AlignmentCodes, phone_of
from core_model.features.alignment import FRAME_RATE, PhoneClassifier, mel_for_alignment
from core_model.training.schedule import Options, Progress, Report, learning_rate, silent

_CROP = 256  # frames: 2.56 s
_IGNORED = -100  # nll_loss's mark for "no phone here"


@dataclass(frozen=True, slots=True)
class Labelled:
    """One utterance: normalised log mel (M, F) as float16, and the phone of every frame (F,)."""

    mel: np.ndarray = field(repr=False)
    phones: np.ndarray = field(repr=False)


def label(waveform: np.ndarray, symbols: Sequence[str], ends_s: Sequence[float], codes: AlignmentCodes) -> Labelled:
    """Label every 10 ms of *waveform* (16 kHz) with the phone that the engine says it spoke there."""
    mel = mel_for_alignment(waveform)
    centres = (np.arange(mel.shape[1]) + 0.5) / FRAME_RATE
    classes = np.array([codes.phones.index(phone_of(symbol)) for symbol in symbols])
    which = np.minimum(np.searchsorted(np.asarray(ends_s), centres, side="right"), len(classes) - 1)
    return Labelled(mel.astype(np.float16), classes[which])


def _crops(data: Sequence[Labelled], rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Random stretches, with a random tilt over frequency and a little noise: rooms and microphones differ."""
    mels, phones = [], []
    for index in rng.integers(0, len(data), size):
        item = data[index]
        start = int(rng.integers(0, max(1, item.mel.shape[1] - _CROP + 1)))
        mel = item.mel[:, start : start + _CROP].astype(np.float32)
        spread = _CROP - mel.shape[1]
        mels.append(np.pad(mel, ((0, 0), (0, spread))))
        phones.append(np.pad(item.phones[start : start + _CROP], (0, spread), constant_values=_IGNORED))
    mel = np.stack(mels)
    tilt = np.linspace(-1, 1, mel.shape[1], dtype=np.float32)[None, :, None]
    mel += tilt * rng.normal(0, 0.3, (size, 1, 1)).astype(np.float32)
    # A floor of noise hides what is quiet in log mel; here it hides the lowest values of each stretch.
    floor = rng.uniform(-3.5, -1.0, (size, 1, 1)).astype(np.float32)
    mel = np.maximum(mel, floor) + rng.normal(0, 0.15, mel.shape).astype(np.float32)
    return mel, np.stack(phones)


def accuracy(network: PhoneClassifier, data: Sequence[Labelled]) -> float:
    """Share of frames whose likeliest phone is the right one."""
    right = total = 0
    with torch.inference_mode():
        for item in data:
            guessed = network(torch.from_numpy(item.mel.astype(np.float32))[None])[0].argmax(0).numpy()
            right += int((guessed == item.phones).sum())
            total += len(item.phones)
    return right / total


def train(network: PhoneClassifier, data: Sequence[Labelled], options: Options, report: Report = silent) -> None:
    """Train *network* in place; a run of minutes, so it starts afresh when it was interrupted."""
    network.to(options.device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.learning_rate, weight_decay=0.01)
    for step in range(options.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(options, step)
        mel, phones = _crops(data, np.random.Generator(np.random.Philox(key=[options.seed, step])), options.batch_size)
        with torch.autocast(options.device, dtype=torch.bfloat16, enabled=options.bfloat16):
            log_probabilities = network(torch.from_numpy(mel).to(options.device))
        right = torch.from_numpy(phones).to(options.device)
        loss = functional.nll_loss(log_probabilities.float(), right, ignore_index=_IGNORED)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        report(Progress("aligner", step + 1, options.steps, {"cross_entropy": loss.item()}))
    network.eval()

"""Recordings as DP-SGD gets them, and a network to teach, at the dims of the tiny voice."""

from __future__ import annotations

import numpy as np
import torch

from core_model.sovits.dims import SoVITSDims
from core_model.sovits.synthesizer import SoVITS
from core_model.training.conditioned import Conditioned
from core_model.training.dataset import SAMPLES_PER_TOKEN, Example
from tests.tiny_voice import SOVITS, tiny_weights


def tiny_example(seed: int, tokens: int = 20) -> Example:
    """*tokens* random tokens, with a waveform and a mel that fit."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    return Example(
        speaker=0,
        phonemes=rng.integers(0, 700, 7),
        tokens=rng.integers(0, SOVITS.semantic_codes, tokens),
        mel=rng.standard_normal((80, 2 * tokens)).astype(np.float16),
        f0=rng.uniform(80, 300, 2 * tokens).astype(np.float32) * (rng.random(2 * tokens) < 0.7),
        waveform=(3000 * rng.standard_normal(tokens * SAMPLES_PER_TOKEN)).astype(np.int16),
    )


def tiny_recordings(count: int) -> tuple[tuple[Example, ...], ...]:
    """Recordings of one piece or two, no two of a length."""
    return tuple(
        tuple(tiny_example(10 * index + piece, 17 + index) for piece in range(1 + index % 2)) for index in range(count)
    )


def tiny_conditioned(seed: int = 1, scale: float = 1.0, dims: SoVITSDims = SOVITS) -> Conditioned:
    """A tiny SoVITS, to be trained where its style enters."""
    network = SoVITS(dims)
    weights = tiny_weights(sovits_dims=dims, seed=seed)["sovits"]
    network.load_state_dict({name: torch.from_numpy(array).float() for name, array in weights.items()})
    start = np.random.Generator(np.random.Philox(key=seed)).standard_normal((1, dims.style, 1))
    return Conditioned(network, start, scale)

"""What every test of the training loops starts from: tiny networks, and a few made-up utterances that can be learnt.

An utterance is a row of tones: each phone has its own, so tokens, phonemes, mel and waveform belong together as they do
in speech, and a loop that mixes them up learns nothing.
"""

from __future__ import annotations

import numpy as np
import torch

from core_model.alignment_codes import AlignmentCodes
from core_model.gpt import GPT, GPTDims
from core_model.sovits.dims import SoVITSDims
from core_model.sovits.discriminator import DiscriminatorDims, MultiPeriodDiscriminator
from core_model.sovits.synthesizer import SoVITS
from core_model.training.dataset import Dataset, Example, make_example
from tests.tiny_voice import SOVITS

CODES = AlignmentCodes()
GPT_DIMS = GPTDims(semantic_tokens=CODES.count + 1, width=32, heads=2, layers=2, word_features=0)
JUDGES = DiscriminatorDims(
    periods=(2, 3),
    period_widths=(4, 4, 8, 8, 8),
    scale_widths=(4, 4, 8, 8, 8, 8),
    scale_groups=(1, 2, 2, 2, 2, 1),
)
_TONES_HZ = {"HH": 0, "AY1": 220, "Y": 330, "UW1": 150, "L": 260, "OW1": 180}


def tiny_gpt(seed: int = 0) -> GPT:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return GPT(GPT_DIMS)


def tiny_sovits(seed: int = 0, dims: SoVITSDims = SOVITS) -> SoVITS:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SoVITS(dims)


def tiny_judges(seed: int = 0) -> MultiPeriodDiscriminator:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MultiPeriodDiscriminator(JUDGES)


def utterance(seed: int, phones: int = 5) -> Example:
    """An utterance of *phones* phones, 0.12 to 0.24 s each, between two silences."""
    rng = np.random.default_rng(seed)
    spoken = rng.choice(list(_TONES_HZ), phones).tolist()
    symbols = ["SP", *spoken, "."]
    lengths_s = rng.integers(3, 7, len(symbols)) * 0.04
    sound = []
    for symbol, length_s in zip(symbols, lengths_s, strict=True):
        t = np.arange(round(length_s * 16_000)) / 16_000
        noise = rng.standard_normal(len(t)) * (0.1 if symbol == "HH" else 0.001)
        tone = sum(0.2 / k * np.sin(2 * np.pi * k * _TONES_HZ.get(symbol, 0) * t) for k in (1, 2, 3))
        sound.append(noise + tone)
    waveform = np.concatenate(sound).astype(np.float32)
    median = 12 * np.log2(220)
    return make_example(seed % 2, waveform, symbols, np.cumsum(lengths_s).tolist(), float(median), CODES)


def tiny_dataset(count: int = 4) -> Dataset:
    return Dataset([utterance(seed, phones=4 + seed % 3) for seed in range(count)])


def weights_of(*networks: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {
        f"{index}/{name}": tensor.detach().clone()
        for index, network in enumerate(networks)
        for name, tensor in network.state_dict().items()
    }


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """Bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class Interrupted(Exception):
    """Raised in the report of a step: what happens to a loop that is stopped there."""

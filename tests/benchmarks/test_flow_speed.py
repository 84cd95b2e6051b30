"""One step of flow matching, and one second through each vocoder, at upstream's real sizes on one thread.

The step is over 656 frames: 3 s of prompt and 4 s of speech. A sentence takes 32 such steps in v3, 8 in v4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from core_model.diffusion import vocoders
from core_model.diffusion.dit import DiT
from core_model.sovits.dims import FlowMatchingDims
from core_model.sovits.families import V3, V4
from core_model.sovits.layers import fold_weight_norm

pytestmark = pytest.mark.bench


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def ready(network: nn.Module) -> nn.Module:
    return fold_weight_norm(network).eval().requires_grad_(False)


def test_one_step(benchmark: Callable) -> None:
    transformer, half = ready(DiT(V3.decoder)), torch.full((1,), 0.5)
    noisy, prompt = torch.randn(1, 656, 100), torch.randn(1, 656, 100)
    text, moment = transformer.embed_text(torch.randn(1, 656, 512)), transformer.moment(half, half)
    with torch.inference_mode():
        benchmark.pedantic(transformer, args=(noisy, prompt, text, moment), rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("dims", [V3.decoder, V4.decoder], ids=["bigvgan", "hifigan"])
def test_one_second_of_vocoder(benchmark: Callable, dims: FlowMatchingDims) -> None:
    vocoder = ready(vocoders.build(dims.mel_bands, dims.vocoder))
    mel = torch.randn(1, dims.mel_bands, round(dims.frame_rate))
    with torch.inference_mode():
        benchmark.pedantic(vocoder, args=(mel,), rounds=3, warmup_rounds=1)

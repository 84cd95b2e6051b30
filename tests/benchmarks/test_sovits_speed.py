"""SoVITS at upstream's v2 size: seconds of work per second of audio, from codes to waveform, on one thread and on two.

Compared, never gated. The weights are fresh: speed does not depend on their values.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from core_model.sovits.families import V2
from core_model.sovits.layers import fold_weight_norm
from core_model.sovits.synthesizer import SoVITS

pytestmark = pytest.mark.bench

CODES = 100  # four seconds
PHONEMES = 60


@pytest.fixture(scope="module")
def network() -> SoVITS:
    return fold_weight_norm(SoVITS(V2, with_posterior=False)).eval()


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.benchmark(group="sovits")
def test_decode_v2(benchmark, network: SoVITS, threads: int) -> None:
    codes = torch.arange(CODES)[None] % V2.semantic_codes
    phonemes = torch.arange(PHONEMES)[None] % V2.phonemes
    style, noise = torch.randn(1, V2.style, 1), torch.randn(1, V2.latent, V2.frames_for(CODES))
    with torch.inference_mode():
        waveform = benchmark.pedantic(
            network.decode, (codes, phonemes, style, noise, 0.5), rounds=3, iterations=1, warmup_rounds=1
        )
    seconds = waveform.shape[2] / V2.sample_rate
    assert seconds == CODES / 25
    benchmark.extra_info["threads"] = threads
    benchmark.extra_info["seconds_per_second_of_audio"] = round(benchmark.stats.stats.min / seconds, 4)


@pytest.mark.benchmark(group="sovits")
def test_style_v2(benchmark, network: SoVITS, threads: int) -> None:
    """A reference of five seconds."""
    spectrogram = torch.rand(1, V2.spectrogram_bins, 250)
    with torch.inference_mode():
        style = benchmark(network.style, spectrogram)
    assert style.shape == (1, V2.style, 1)
    benchmark.extra_info["threads"] = threads

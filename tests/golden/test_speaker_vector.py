"""The speaker vector against recorded vectors: wav -> Kaldi filterbank -> ERes2NetV2, float32 on a CPU.

Tolerances: a filterbank is a logarithm, whose floor magnifies rounding where a band is silent: 1e-3; the vector 1e-4,
and 1e-5 of its peak where our own filterbank led to it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from core_model.features.kaldi_filterbank import kaldi_filterbank
from core_model.features.speaker_vector import SpeakerDims, SpeakerNetwork
from core_model.upstream import names

FILTERBANK = 1e-3
VECTOR = 1e-4
VECTOR_OF_ITS_PEAK = 1e-5


@pytest.fixture(scope="module")
def network(golden_weights: Callable) -> SpeakerNetwork:
    weights = golden_weights("sv_eres2netv2")
    table = names.all_to_ours("speaker_vector", weights)
    network = SpeakerNetwork(SpeakerDims()).eval()
    network.load_state_dict({table[name]: torch.from_numpy(values) for name, values in weights.items()}, strict=True)
    return network


def test_filterbank(vectors: Callable) -> None:
    recorded = vectors("sv_eres2netv2")
    np.testing.assert_allclose(kaldi_filterbank(recorded["wav16k"][0]), recorded["fbank"][0], rtol=0, atol=FILTERBANK)


def test_speaker_vector_of_the_recorded_filterbank(network: SpeakerNetwork, vectors: Callable) -> None:
    """In float64: float32 itself wanders, by 3e-5 from run to run on one machine, on values up to 40."""
    recorded = vectors("sv_eres2netv2")
    with torch.inference_mode():
        found = network.double()(torch.from_numpy(recorded["fbank"]).double()).numpy()
        network.float()
    np.testing.assert_allclose(found, recorded["sv_emb"], rtol=0, atol=VECTOR)


def test_speaker_vector_from_the_waveform_on(network: SpeakerNetwork, vectors: Callable) -> None:
    recorded = vectors("sv_eres2netv2")
    with torch.inference_mode():
        found = network(torch.from_numpy(kaldi_filterbank(recorded["wav16k"][0]))[None]).numpy()
    np.testing.assert_allclose(found, recorded["sv_emb"], rtol=0, atol=VECTOR_OF_ITS_PEAK * np.abs(found).max())

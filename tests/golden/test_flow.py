"""Flow matching (v3, v4) against recorded vectors: upstream's own modules, float32, torch 2.13 on a CPU.

Tolerances: 1e-4 for styles, features and one velocity (values to 4), 1e-3 for four steps of flow matching. One network
of 384 million values rests in memory at a time, 2 GB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from core_model.diffusion import dit
from core_model.diffusion.loading import load_network
from core_model.diffusion.synthesizer import FlowMatchingSoVITS
from core_model.sovits.dims import FlowMatchingDims
from core_model.sovits.families import FAMILIES
from core_model.upstream import names

LATENTS = 1e-4
FOUR_STEPS = 1e-3
FLOW_MATCHING = [name for name, dims in FAMILIES.items() if isinstance(dims.decoder, FlowMatchingDims)]


@dataclass(frozen=True)
class Recorded:
    network: FlowMatchingSoVITS
    vectors: Mapping[str, np.ndarray]

    def given(self, name: str) -> Tensor:
        return torch.from_numpy(self.vectors[name])


@pytest.fixture(scope="module", params=FLOW_MATCHING)
def recorded(request: pytest.FixtureRequest, vectors: Callable, golden_tensors: Callable) -> Iterator[Recorded]:
    name = f"sovits_{request.param}"
    loaded = vectors(name)
    weights = {names.to_ours("sovits", key): values for key, values in golden_tensors(name)}
    weights["transformer.inverse_frequencies"] = dit.inverse_frequencies(64).numpy()
    with torch.inference_mode():
        yield Recorded(load_network(FAMILIES[request.param], weights), loaded)


def assert_close(ours: Tensor, theirs: np.ndarray, tolerance: float) -> None:
    assert tuple(ours.shape) == theirs.shape
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=tolerance)


def test_style(recorded: Recorded) -> None:
    assert_close(recorded.network.style(recorded.given("refer")), recorded.vectors["ge"], LATENTS)


@pytest.mark.parametrize(("name", "speed"), [("fea", 1.0), ("fea_speed13", 1.3)])
def test_features(recorded: Recorded, name: str, speed: float) -> None:
    """Also that the last frame is silenced where upstream's count of frames falls short of its own."""
    codes, style = recorded.given("codes")[0], recorded.given("ge")
    features = recorded.network.features(codes, recorded.given("phones"), style, speed)
    assert features.shape[2] == recorded.network.dims.noise_frames_for(codes.shape[1], speed)
    assert_close(features, recorded.vectors[name], LATENTS)


def test_embeddings(recorded: Recorded) -> None:
    transformer = recorded.network.transformer
    assert_close(transformer.step_embedding(recorded.given("est_d")[None]), recorded.vectors["est_dt"], LATENTS)
    text = transformer.embed_text(recorded.given("mu"))
    assert_close(text[:, :2], recorded.vectors["est_text_embed"], LATENTS)


def test_one_velocity(recorded: Recorded) -> None:
    transformer, noisy = recorded.network.transformer, recorded.given("x")
    prompt = recorded.given("prompt_mel")
    prompt = F.pad(prompt, (0, noisy.shape[2] - prompt.shape[2]))
    text = transformer.embed_text(recorded.given("mu"))
    moment = transformer.moment(recorded.given("est_t")[None], recorded.given("est_d")[None])
    velocity = transformer(noisy.transpose(1, 2), prompt.transpose(1, 2), text, moment)
    assert_close(velocity, recorded.vectors["est_out"], LATENTS)


def test_four_steps(recorded: Recorded) -> None:
    features = recorded.given("mu").transpose(1, 2)
    mel = recorded.network.flow(recorded.given("noise"), recorded.given("prompt_mel"), features, 4)
    assert_close(mel, recorded.vectors["cfm_4steps"], FOUR_STEPS)

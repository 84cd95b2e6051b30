"""SoVITS against recorded vectors: upstream's own modules, float32, torch 2.13 on a CPU, no noise.

Tolerances: 1e-4 for styles, statistics and latents (values to 10), 5e-5 for waveforms (values to 1), some ten times
what two machines differ by; codes where the recorded gap between the two nearest rows is above 0.01.

What the `_extra` recordings hold. Each was meant to be the utterance at speed 1.3, and with the mean style of two
references. In the public set the recorder answered every call of the style encoder with its first output, and the Pro
families add the speaker vector to that output in place. So v1 and v2 recorded one reference twice, and the Pro families
a style to which the speaker vector had been added twice (speed), then three times and together with the second one
(two references). `test_extra_*` computes both what the definition says and what that recorder saw, from weights and
inputs alone, and takes the one that the file's own style names; a set recorded without the slip passes the same tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from core_model.sovits.dims import HiFiGANDims
from core_model.sovits.families import FAMILIES
from core_model.sovits.layers import fold_weight_norm
from core_model.sovits.synthesizer import SoVITS
from core_model.upstream import names

ADVERSARIAL = [name for name, dims in FAMILIES.items() if isinstance(dims.decoder, HiFiGANDims)]
LATENTS = 1e-4
WAVEFORM = 5e-5
CODE_MARGIN = 0.01


@dataclass(frozen=True)
class Recorded:
    network: SoVITS
    vectors: Mapping[str, np.ndarray]
    extra: Mapping[str, np.ndarray]

    def given(self, name: str) -> Tensor:
        return torch.from_numpy(self.vectors[name] if name in self.vectors else self.extra[name])

    @property
    def has_speaker_vector(self) -> bool:
        return bool(self.network.dims.speaker_vector)

    def style(self, number: str = "") -> Tensor:
        """The style of the first reference ("") or the second ("2"), as the definition says."""
        speaker_vector = self.given(f"sv_emb{number}") if self.has_speaker_vector else None
        return self.network.style(self.given(f"refer{number}"), None, speaker_vector)

    def style_of_the_slip(self, first: int, second: int) -> Tensor:
        """The first style encoder output with the speaker vectors added so many times, then activated."""
        encoded = self.network.style_encoder(self.given("refer"), None)
        if not self.has_speaker_vector:
            return encoded
        vectors = (self.network.speaker_projection(self.given(name))[:, :, None] for name in ("sv_emb", "sv_emb2"))
        return self.network.style_activation(
            encoded + sum(n * v for n, v in zip((first, second), vectors, strict=True))
        )

    def decode(self, style: Tensor, speed: float = 1.0) -> np.ndarray:
        codes = self.given("codes")[0]
        noise = torch.zeros(1, self.network.dims.latent, self.network.dims.frames_for(codes.shape[1], speed))
        return self.network.decode(codes, self.given("phones"), style, noise, 0.0, speed)[0, 0].numpy()


@pytest.fixture(
    scope="module", params=[name for name, dims in FAMILIES.items() if isinstance(dims.decoder, HiFiGANDims)]
)
def recorded(request: pytest.FixtureRequest, vectors: Callable, golden_weights: Callable) -> Iterator[Recorded]:
    name = f"sovits_{request.param}"
    loaded, extra = vectors(name), vectors(f"{name}_extra")
    weights = golden_weights(name)
    table = names.all_to_ours("sovits", weights)
    network = SoVITS(FAMILIES[request.param], with_posterior=False).eval()
    network.load_state_dict({table[key]: torch.from_numpy(value) for key, value in weights.items()}, strict=True)
    with torch.inference_mode():
        yield Recorded(network, loaded, extra)


def assert_close(ours: Tensor | np.ndarray, theirs: np.ndarray, tolerance: float) -> None:
    assert tuple(ours.shape) == theirs.shape
    np.testing.assert_allclose(np.asarray(ours), theirs, rtol=0, atol=tolerance)


def test_prompt_codes(recorded: Recorded) -> None:
    codes, margins = recorded.network.encode_codes(recorded.given("ssl"))
    clear = recorded.vectors["ssl_code_margin"] > CODE_MARGIN
    assert clear.sum() >= 3
    assert np.array_equal(codes[0].numpy()[clear], recorded.vectors["ssl_codes"][clear])
    np.testing.assert_allclose(margins[0], recorded.vectors["ssl_code_margin"], atol=5e-3)


def test_style(recorded: Recorded) -> None:
    assert_close(recorded.style(), recorded.vectors["ge"], LATENTS)


def test_style_encoder(recorded: Recorded) -> None:
    """The recorded array was added to in place where there is a speaker vector: it holds the sum before PReLU."""
    encoded = recorded.network.style_encoder(recorded.given("refer"), None)
    if recorded.has_speaker_vector:
        summed = encoded + recorded.network.speaker_projection(recorded.given("sv_emb"))[:, :, None]
        encoded = min(encoded, summed, key=lambda x: float((x - recorded.given("ge_ref_enc")).abs().max()))
    assert_close(encoded, recorded.vectors["ge_ref_enc"], LATENTS)


def test_quantized_codes(recorded: Recorded) -> None:
    rows = recorded.network.quantizer(recorded.given("codes")[0])
    assert_close(rows[:, :, :2], recorded.vectors["quantized"], LATENTS)


def test_prior_and_latents(recorded: Recorded) -> None:
    style = recorded.style()
    prior = recorded.network.prior(recorded.given("codes")[0], recorded.given("phones"), style)
    assert_close(prior.mean, recorded.vectors["m_p"], LATENTS)
    assert_close(prior.log_scale, recorded.vectors["logs_p"], LATENTS)
    assert_close(recorded.network.flow.reverse(prior.mean, style, None), recorded.vectors["z"], LATENTS)


def test_waveform(recorded: Recorded) -> None:
    assert_close(recorded.decode(recorded.style()), recorded.vectors["wav"], WAVEFORM)


def test_extra_speed(recorded: Recorded) -> None:
    codes, phonemes = recorded.given("codes")[0], recorded.given("phones")
    theirs = recorded.extra["m_p_speed13"]
    styles = (recorded.style(), recorded.style_of_the_slip(2, 0))
    means = [recorded.network.prior(codes, phonemes, style, 1.3).mean.numpy() for style in styles]
    nearest = min((0, 1), key=lambda i: float(np.abs(means[i] - theirs).max()))
    assert_close(means[nearest], theirs, LATENTS)
    assert_close(recorded.decode(styles[nearest], 1.3), recorded.extra["wav_speed13"], WAVEFORM)


def test_extra_mean_of_two_references(recorded: Recorded) -> None:
    theirs = recorded.extra["ge_2refs"]
    defined = (recorded.style() + recorded.style("2")) / 2
    slipped = (recorded.style_of_the_slip(3, 0) + recorded.style_of_the_slip(3, 1)) / 2
    style = min((defined, slipped), key=lambda x: float(np.abs(x.numpy() - theirs).max()))
    assert_close(style, theirs, LATENTS)
    assert_close(recorded.decode(style), recorded.extra["wav_2refs"], WAVEFORM)


def test_folded_network_says_the_same(recorded: Recorded) -> None:
    """Last in this file: the fixture's network is folded for good."""
    before = recorded.decode(recorded.style())
    fold_weight_norm(recorded.network)
    folded = recorded.decode(recorded.style())
    assert_close(folded, recorded.vectors["wav"], WAVEFORM)
    assert np.abs(folded - before).max() <= 5e-6  # the unfolded form takes its norms in float32

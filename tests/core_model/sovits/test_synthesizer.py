"""The whole network: what padding, noise, style and speed do, and that it can learn."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch
from torch import Tensor

from core_model.sovits.layers import take_frames
from core_model.sovits.losses import kl_loss
from core_model.sovits.synthesizer import SoVITS
from tests.core_model.sovits import tiny


@pytest.fixture(params=tiny.ALL)
def network(request: pytest.FixtureRequest) -> SoVITS:
    return tiny.lively(tiny.ALL[request.param])


def test_padding_does_not_change_a_training_row(network: SoVITS) -> None:
    """Three utterances in one batch are what each is alone; the padding holds noise."""
    batch = tiny.batch(network.dims, [12, 5, 8], [9, 4, 6])
    with torch.no_grad():
        together = batch.forward(network, [3, 1, 9], 6)
        for index, start in enumerate((3, 1, 9)):
            alone = batch.row(index).forward(network, [start], 6)
            frames = alone.mask.shape[2]
            for field in fields(alone):
                one, whole = getattr(alone, field.name), getattr(together, field.name)[index : index + 1]
                if whole.shape[2] == together.mask.shape[2]:
                    assert not whole[:, :, frames:].any(), f"{field.name}: padding is not zero"
                    whole = whole[:, :, :frames]
                torch.testing.assert_close(whole, one, atol=3e-5, rtol=1e-4, msg=lambda m, f=field: f"{f.name}: {m}")


def test_padding_does_not_change_the_prior(network: SoVITS) -> None:
    batch = tiny.batch(network.dims, [12, 5], [9, 4])
    style = torch.randn(2, network.dims.style, 1)
    with torch.no_grad():
        together = network.prior(batch.codes, batch.phonemes, style, 1.0, batch.code_lengths, batch.phoneme_lengths)
        row = batch.row(1)
        alone = network.prior(row.codes, row.phonemes, style[1:])
    torch.testing.assert_close(together.mean[1:, :, :10], alone.mean, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together.log_scale[1:, :, :10], alone.log_scale, atol=1e-5, rtol=1e-4)
    assert together.mask is not None
    assert together.mask[1].sum() == 10
    assert not together.mean[1, :, 10:].any()


def test_frames_shorter_than_their_codes_are_masked(network: SoVITS) -> None:
    """An utterance may end inside its last code: the frame count of its spectrogram decides."""
    data = tiny.batch(network.dims, [6], [4])
    with torch.no_grad():
        result = network(
            data.codes,
            data.code_lengths,
            data.phonemes,
            data.phoneme_lengths,
            data.spectrogram,
            torch.tensor([11]),
            data.noise,
            torch.tensor([0]),
            4,
            data.speaker_vector,
        )
    assert result.mask.sum() == 11
    assert not result.z[:, :, 11:].any()


def test_the_decoder_hears_the_slice_it_was_given(network: SoVITS) -> None:
    batch = tiny.batch(network.dims, [12, 9], [5, 5])
    with torch.no_grad():
        result = batch.forward(network, [2, 7], 5)
        expected = network.decoder(take_frames(result.z, torch.tensor([2, 7]), 5), result.style)
    assert result.waveform.shape == (2, 1, 5 * network.dims.hop)
    assert torch.equal(result.waveform, expected)


def test_z_p_is_the_flow_of_z_and_z_is_drawn_from_the_posterior(network: SoVITS) -> None:
    batch = tiny.batch(network.dims, [7], [5])
    with torch.no_grad():
        result = batch.forward(network, [0], 4)
        assert torch.equal(result.z_p, network.flow(result.z, result.style, result.mask))
    z = result.posterior_mean + batch.noise * result.posterior_log_scale.exp()
    torch.testing.assert_close(result.z, z)


def decoded(network: SoVITS, noise_scale: float = 0.6, speed: float = 1.0, **changed: Tensor) -> Tensor:
    data = tiny.batch(network.dims, [9], [6])
    generator = torch.Generator().manual_seed(5)
    frames = network.dims.frames_for(9, speed)
    given = {
        "codes": data.codes,
        "phonemes": data.phonemes,
        "style": torch.randn(1, network.dims.style, 1, generator=generator),
        "noise": torch.randn(1, network.dims.latent, frames, generator=generator),
    }
    with torch.no_grad():
        return network.decode(**{**given, **changed}, noise_scale=noise_scale, speed=speed)


@pytest.mark.parametrize("speed", [1.0, 1.3, 0.7])
def test_speed_decides_the_length(network: SoVITS, speed: float) -> None:
    assert decoded(network, speed=speed).shape == (1, 1, network.dims.frames_for(9, speed) * network.dims.hop)


def test_decoding_draws_no_random_numbers(network: SoVITS) -> None:
    state = torch.random.get_rng_state()
    first = decoded(network)
    assert torch.equal(first, decoded(network))
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("name", ["codes", "phonemes", "style", "noise"])
def test_every_input_is_heard(network: SoVITS, name: str) -> None:
    other = {
        "codes": torch.zeros(1, 9, dtype=torch.int64),
        "phonemes": torch.zeros(1, 6, dtype=torch.int64),
        "style": torch.ones(1, network.dims.style, 1),
        "noise": torch.ones(1, network.dims.latent, 18),
    }[name]
    usual = decoded(network)
    assert (decoded(network, **{name: other}) - usual).abs().max() > 0.01 * usual.abs().max()


def test_the_prior_hears_the_style(network: SoVITS) -> None:
    data = tiny.batch(network.dims, [9], [6])
    one, other = (
        network.prior(data.codes, data.phonemes, torch.full((1, network.dims.style, 1), level)) for level in (0.0, 1.0)
    )
    assert (one.mean - other.mean).abs().max() > 0.05


def test_without_noise_scale_the_noise_is_not_heard(network: SoVITS) -> None:
    other = torch.ones(1, network.dims.latent, 18)
    assert torch.equal(decoded(network, noise_scale=0.0), decoded(network, noise_scale=0.0, noise=other))


def test_decode_is_prior_then_flow_then_decoder(network: SoVITS) -> None:
    data = tiny.batch(network.dims, [9], [6])
    style = torch.randn(1, network.dims.style, 1)
    noise = torch.randn(1, network.dims.latent, network.dims.frames_for(9, 1.3))
    with torch.no_grad():
        prior = network.prior(data.codes, data.phonemes, style, 1.3)
        z = network.flow.reverse(prior.mean + noise * prior.log_scale.exp() * 0.3, style, None)
        waveform = network.decode(data.codes, data.phonemes, style, noise, 0.3, 1.3)
        torch.testing.assert_close(waveform, network.decoder(z, style), atol=1e-6, rtol=1e-5)


def test_noise_of_another_length_is_refused(network: SoVITS) -> None:
    with pytest.raises(ValueError, match="18 frames"):
        decoded(network, noise=torch.zeros(1, network.dims.latent, 17))


def test_a_padded_batch_has_no_one_speed(network: SoVITS) -> None:
    data = tiny.batch(network.dims, [6, 4], [5, 5])
    style = torch.randn(2, network.dims.style, 1)
    with pytest.raises(ValueError, match="no one speed"):
        network.prior(data.codes, data.phonemes, style, 1.3, data.code_lengths, data.phoneme_lengths)


def test_a_network_that_only_speaks_has_no_posterior(network: SoVITS) -> None:
    speaking = SoVITS(network.dims, with_posterior=False)
    missing = network.state_dict().keys() - speaking.state_dict().keys()
    assert missing
    assert all(name.startswith("posterior_encoder.") for name in missing)
    with pytest.raises(ValueError, match="not learn"):
        tiny.batch(network.dims, [6], [5]).forward(speaking, [0], 4)


def test_a_gradient_reaches_every_parameter(network: SoVITS) -> None:
    """All parts take part in training; only the projection of the (given) codes does not."""
    network.train()
    result = tiny.batch(network.dims, [7, 6], [5, 4]).forward(network, [0, 2], 6)
    kl = kl_loss(result.z_p, result.posterior_log_scale, result.mean, result.log_scale, result.mask)
    (result.waveform.square().mean() + kl).backward()
    still = {name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()}
    # softmax does not see what is added to every score
    biases = {name for name in still if name.endswith("attention.key.bias")}
    assert still - biases == {n for n in still if n.startswith("quantizer.projection.")}


def test_the_same_seed_builds_the_same_network() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(7)
        states.append(SoVITS(tiny.LIKE_NANO).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("name", ["v2", "nano"])
def test_it_learns_one_utterance(name: str) -> None:
    """Forty steps on one sine bring waveform and prior nearer: signs, masks and scales are right."""
    torch.manual_seed(0)
    network = SoVITS(tiny.ALL[name])
    data = tiny.batch(network.dims, [8], [5])
    target = 0.5 * torch.sin(torch.arange(16 * network.dims.hop) * 0.4)[None, None]
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        result = data.forward(network, [0], 16)
        waveform = (result.waveform - target).abs().mean()
        kl = kl_loss(result.z_p, result.posterior_log_scale, result.mean, result.log_scale, result.mask)
        losses.append((waveform.item(), kl.item()))
        optimizer.zero_grad()
        (45 * waveform + kl).backward()
        optimizer.step()
    assert losses[-1][0] < 0.6 * losses[0][0]
    assert losses[-1][1] < losses[0][1]

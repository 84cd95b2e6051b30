"""The whole network: what padding, noise, style and speed do, and that it can learn."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest
import torch
from torch import Tensor

from core_model.sovits.layers import take_frames
from core_model.sovits.losses import kl_loss, pitch_losses
from core_model.sovits.pitch_contour import stretched
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
                one, both = getattr(alone, field.name), getattr(together, field.name)
                if field.name == "log_f0" and not network.hums:
                    assert one is both is None
                    continue
                whole = both[index : index + 1]
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
        result = data.forward(network, [0], 4, frame_lengths=torch.tensor([11]))
    assert result.mask.sum() == 11
    assert not result.z[:, :, 11:].any()
    assert result.log_f0 is None or (result.log_f0[:, :, :11].all() and not result.log_f0[:, :, 11:].any())


def test_the_decoder_hears_the_slice_it_was_given(network: SoVITS) -> None:
    batch = tiny.batch(network.dims, [12, 9], [5, 5])
    with torch.no_grad():
        result = batch.forward(network, [2, 7], 5)
        z, log_f0 = (take_frames(frames, torch.tensor([2, 7]), 5) for frames in (result.z, batch.log_f0))
        expected = network.hum(z, result.style, log_f0, batch.breath[:, :, :5])
    assert result.waveform.shape == (2, 1, 5 * network.dims.hop)
    assert torch.equal(result.waveform, expected)


def test_what_is_spoken_is_the_same_slice_from_the_prior(network: SoVITS) -> None:
    batch = tiny.batch(network.dims, [12, 9], [5, 5])
    with torch.no_grad():
        result = batch.forward(network, [2, 7], 5)
        drawn = result.mean + batch.prior_noise * result.log_scale.exp()
        z = network.flow.reverse(drawn, result.style, result.mask)
        z, log_f0 = (take_frames(frames, torch.tensor([2, 7]), 5) for frames in (z, batch.log_f0))
        expected = network.hum(z, result.style, log_f0, batch.breath[:, :, :5])
    torch.testing.assert_close(result.spoken, expected, atol=1e-6, rtol=1e-5)
    assert (result.spoken - result.waveform).abs().max() > 0.01 * result.waveform.abs().max()


def test_a_pitch_is_hummed_by_a_source_filter_alone() -> None:
    data = tiny.batch(tiny.LIKE_NANO, [6], [5])
    z, style = torch.randn(1, tiny.LIKE_NANO.latent, 12), torch.randn(1, tiny.LIKE_NANO.style, 1)
    humming, other = tiny.lively(tiny.LIKE_NANO), tiny.lively(tiny.LIKE_NANO_1)
    assert humming.hums and not other.hums
    assert other.pitch_contour is None
    assert torch.equal(other.hum(z, style, None, None), other.hum(z, style, data.log_f0, data.breath))
    usual = humming.hum(z, style, data.log_f0, data.breath)
    for changed in ((data.log_f0 + 0.5, data.breath), (data.log_f0, data.breath + 1)):
        assert (humming.hum(z, style, *changed) - usual).abs().max() > 0.01 * usual.abs().max()
    for missing in ((None, data.breath), (data.log_f0, None)):
        with pytest.raises(ValueError, match="needs a pitch and noise"):
            humming.hum(z, style, *missing)


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
        "noise": torch.randn(1, network.dims.noise_channels, frames, generator=generator),
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
        "noise": torch.ones(1, network.dims.noise_channels, 18),
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
    """That of the latent; breath is part of a voice, however surely it speaks."""
    latent, channels = network.dims.latent, network.dims.noise_channels
    noise, other, breath = torch.zeros(1, channels, 18), torch.zeros(1, channels, 18), torch.zeros(1, channels, 18)
    other[:, :latent] = 1
    breath[:, latent:] = 1
    usual = decoded(network, noise_scale=0.0, noise=noise)
    assert torch.equal(usual, decoded(network, noise_scale=0.0, noise=other))
    assert torch.equal(usual, decoded(network, noise_scale=0.0, noise=breath)) is not network.hums


def test_decode_is_prior_then_flow_then_decoder(network: SoVITS) -> None:
    data = tiny.batch(network.dims, [9], [6])
    style = torch.randn(1, network.dims.style, 1)
    latent, frames = network.dims.latent, network.dims.frames_for(9, 1.3)
    noise = torch.randn(1, network.dims.noise_channels, frames)
    with torch.no_grad():
        prior = network.prior(data.codes, data.phonemes, style, 1.3)
        z = network.flow.reverse(prior.mean + noise[:, :latent] * prior.log_scale.exp() * 0.3, style, None)
        contour = network.pitch_contour
        log_f0 = None if contour is None else stretched(contour(data.codes, style, None), frames)
        waveform = network.decode(data.codes, data.phonemes, style, noise, 0.3, 1.3)
        expected = network.hum(z, style, log_f0, noise[:, latent:])
        torch.testing.assert_close(waveform, expected, atol=1e-6, rtol=1e-5)


def test_noise_of_another_length_is_refused(network: SoVITS) -> None:
    with pytest.raises(ValueError, match="18 frames"):
        decoded(network, noise=torch.zeros(1, network.dims.noise_channels, 17))


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
    batch = tiny.batch(network.dims, [7, 6], [5, 4])
    result = batch.forward(network, [0, 2], 6)
    loss = kl_loss(result.z_p, result.posterior_log_scale, result.mean, result.log_scale, result.mask)
    if result.log_f0 is not None:
        loss = loss + pitch_losses(result.log_f0, batch.log_f0.exp()).mean()
    (result.waveform.square().mean() + loss).backward()
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


def apart(network: SoVITS, waveform: Tensor, target: Tensor) -> Tensor:
    """How far; where pulses are hummed their phase is not the network's to say: only magnitudes are compared."""
    if not network.hums:
        return (waveform - target).abs().mean()
    window = torch.hann_window(64)
    seen = (torch.stft(x[:, 0], 64, 16, window=window, return_complex=True).abs() for x in (waveform, target))
    return torch.sub(*seen).abs().mean()


@pytest.mark.parametrize("name", ["v2", "nano"])
def test_it_learns_one_utterance(name: str) -> None:
    """Forty steps on one sine bring waveform and prior nearer: signs, masks and scales are right."""
    torch.manual_seed(0)
    network = SoVITS(tiny.ALL[name])
    data = tiny.batch(network.dims, [8], [5])
    data.log_f0.fill_(math.log(0.4 / (2 * math.pi) * network.dims.sample_rate))
    target = 0.5 * torch.sin(torch.arange(16 * network.dims.hop) * 0.4)[None, None]
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2 if network.hums else 3e-3)  # from a whisper up
    losses = []
    for _ in range(40):
        result = data.forward(network, [0], 16)
        waveform = apart(network, result.waveform, target)
        kl = kl_loss(result.z_p, result.posterior_log_scale, result.mean, result.log_scale, result.mask)
        losses.append((waveform.item(), kl.item()))
        optimizer.zero_grad()
        (45 * waveform + kl).backward()
        optimizer.step()
    assert losses[-1][0] < 0.6 * losses[0][0]
    assert losses[-1][1] < losses[0][1]

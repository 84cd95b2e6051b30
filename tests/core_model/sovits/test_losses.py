"""The losses against closed forms and sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from core_model.sovits import losses
from core_model.sovits.discriminator import Judgement
from core_model.sovits.losses import MelLoss, MelResolution


def judgement(score: float, feature: float) -> Judgement:
    return Judgement(torch.full((2, 3), score), [torch.full((2, 4, 5), feature), torch.full((2, 1, 3), score)])


def test_adversarial_terms_sum_over_judges() -> None:
    real = [judgement(0.9, 0), judgement(0.5, 0)]
    generated = [judgement(0.2, 0), judgement(-0.1, 0)]
    discriminator = 0.1**2 + 0.5**2 + 0.2**2 + 0.1**2
    assert float(losses.discriminator_loss(real, generated)) == pytest.approx(discriminator)
    assert float(losses.adversarial_loss(generated)) == pytest.approx(0.8**2 + 1.1**2)


def test_feature_matching_is_twice_the_sum_of_means_and_spares_the_real() -> None:
    real, generated = [judgement(0.5, 1.0)], [judgement(0.25, 3.0)]
    for layer in (*real[0].features, *generated[0].features):
        layer.requires_grad_()
    loss = losses.feature_matching_loss(real, generated)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(2 * (2.0 + 0.25))
    assert real[0].features[0].grad is None
    assert generated[0].features[0].grad is not None


def test_kl_is_the_divergence_on_average() -> None:
    """At samples of the posterior its mean is the closed form between the two Gaussians; padding counts nothing."""
    generator = torch.Generator().manual_seed(0)
    mean, log_scale, m_q, logs_q = (0.5 * torch.randn(1, 3, 2, generator=generator) for _ in range(4))
    expected = kl_divergence(Normal(m_q, logs_q.exp()), Normal(mean, log_scale.exp())).sum() / 2
    rows = 20_000
    z = m_q + torch.randn(rows, 3, 2, generator=generator) * logs_q.exp()
    padded = torch.cat([z, torch.full((rows, 3, 2), 50.0)], 2)
    statistics = [torch.cat([x.expand(rows, -1, -1), torch.zeros(rows, 3, 2)], 2) for x in (logs_q, mean, log_scale)]
    mask = torch.tensor([1.0, 1.0, 0.0, 0.0]).expand(rows, 1, 4)
    assert float(losses.kl_loss(padded, *statistics, mask)) == pytest.approx(float(expected), rel=0.03)


def test_a_pitch_is_compared_where_there_is_one_and_each_row_counts_the_same() -> None:
    f0 = torch.tensor([[200.0, 0, 100, 0], [0, 150, 0, 0], [0, 0, 0, 0]])[:, None]
    said = torch.tensor([[400.0, 7, 100, 9], [9, 75, 3, 0.1], [1, 2, 3, 4]])[:, None].log()
    rows = losses.pitch_losses(said, f0)
    torch.testing.assert_close(rows, torch.tensor([math.log(2) / 2, math.log(2), 0.0]))
    assert rows.dtype == losses.pitch_losses(said.double(), f0).dtype == torch.float32


def test_a_pitch_where_nothing_is_voiced_teaches_nothing() -> None:
    said = torch.full((2, 1, 3), 5.0, requires_grad=True)
    losses.pitch_losses(said, torch.tensor([[[0.0, 100, 0]], [[0, 0, 0]]])).sum().backward()
    assert said.grad is not None
    assert said.grad.tolist() == [[[0, 1, 0]], [[0, 0, 0]]]


@given(st.integers(0, 5), st.floats(0.1, 3.0))
def test_padding_counts_nothing_in_a_pitch(padding: int, wrong: float) -> None:
    f0 = torch.tensor([[[120.0, 0, 240]]])
    padded = losses.pitch_losses(
        torch.nn.functional.pad(f0.clamp(min=1).log() + wrong, (0, padding), value=3.0),
        torch.nn.functional.pad(f0, (0, padding)),
    )
    assert padded.item() == pytest.approx(wrong, rel=1e-5)


def bands(fft: int, count: int) -> np.ndarray:
    """Even, flat, disjoint filters: enough for arithmetic."""
    bins = fft // 2 + 1
    return (np.arange(bins) * count // bins == np.arange(count)[:, None]).astype(np.float32)


@pytest.fixture
def mel_loss() -> MelLoss:
    return MelLoss([MelResolution(64, 16, bands(64, 8)), MelResolution(128, 32, bands(128, 8))])


def test_mel_loss_is_zero_at_the_target_and_measures_level(mel_loss: MelLoss) -> None:
    waveform = torch.randn(2, 1, 640, generator=torch.Generator().manual_seed(0))
    assert float(mel_loss(waveform, waveform)) == 0
    assert float(mel_loss(waveform, 2 * waveform)) == pytest.approx(math.log(2), abs=1e-3)


def test_mel_spectrograms_have_a_frame_per_hop(mel_loss: MelLoss) -> None:
    shapes = [tuple(mel.shape) for mel in mel_loss.spectrograms(torch.randn(2, 1, 640))]
    assert shapes == [(2, 8, 40), (2, 8, 20)]


def test_mel_spectrogram_equals_the_slow_transform(mel_loss: MelLoss) -> None:
    waveform = torch.randn(1, 1, 320, generator=torch.Generator().manual_seed(1))
    samples = np.pad(waveform[0, 0].numpy().astype(np.float64), 24, mode="reflect")
    window = np.hanning(65)[:64]
    frames = np.stack([samples[i * 16 : i * 16 + 64] * window for i in range(20)], 1)
    magnitude = np.sqrt(np.abs(np.fft.rfft(frames, axis=0)) ** 2 + 1e-8)
    expected = np.log(np.maximum(bands(64, 8) @ magnitude, 1e-5))
    np.testing.assert_allclose(mel_loss.spectrograms(waveform)[0][0].numpy(), expected, atol=1e-4)


def test_silence_gives_finite_losses_and_gradients(mel_loss: MelLoss) -> None:
    silence = torch.zeros(1, 1, 640, requires_grad=True)
    loss = mel_loss(torch.zeros(1, 1, 640), silence)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(silence.grad).all()


def test_losses_stay_float32_under_autocast(mel_loss: MelLoss) -> None:
    waveform = torch.randn(1, 1, 640, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        inside = mel_loss(waveform, 0.5 * waveform)
    assert inside.dtype == torch.float32
    assert float(inside) == float(mel_loss(waveform, 0.5 * waveform))

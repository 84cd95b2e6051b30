"""Pulses, noise and the filters they pass through, each against a slow computation of its own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from core_model.sovits.dims import SourceFilterDims
from core_model.sovits.short_time_spectrum import ForwardSTFT
from core_model.sovits.source_filter import (
    SourceFilter,
    _between_frames,
    envelope_table,
    least_phase_table,
    pulses,
)

RATE, HOP = 16_000, 320
DIMS = SourceFilterDims(width=8, blocks=1, fft=64, hop=16, bands=7, pitch_levels=4, pitch_width=4)
LATENT, STYLE, LATENT_HOP = 6, 4, 32


def decoder(seed: int = 0, *, lively: bool = True) -> SourceFilter:
    """At 1600 Hz. Lively: its weights are redrawn so wide that every input is heard."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        built = SourceFilter(LATENT, STYLE, LATENT_HOP, 1600, DIMS)
        built.initialise()
        if lively:
            for parameter in built.parameters():
                nn.init.normal_(parameter, std=0.3)
    return built.requires_grad_(False)


def given_to(rows: int = 1, frames: int = 9, seed: int = 1) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "z": torch.randn(rows, LATENT, frames, generator=generator),
        "style": torch.randn(rows, STYLE, 1, generator=generator),
        "f0": 100 + 100 * torch.rand(rows, 1, frames, generator=generator, dtype=torch.float64),
        "noise": torch.randn(rows, LATENT_HOP, frames, generator=generator),
    }


def sum_of_cosines(hertz: np.ndarray) -> np.ndarray:
    """(N,) pitch of every sample -> (N,): each harmonic drawn by itself."""
    phase = 2 * np.pi * np.cumsum(hertz / RATE)
    count = np.floor(0.95 * RATE / 2 / hertz)
    harmonics = np.arange(1, int(count.max()) + 1)[:, None]
    # pulses() puts a pulse half a cycle off, at phase pi: cos(k (phase + pi)) = (-1)^k cos(k phase)
    drawn = (-1.0) ** harmonics * np.cos(harmonics * phase[None]) * (harmonics <= count)
    return drawn.sum(0) / np.sqrt(count / 2)


def flat(hertz: float, frames: int) -> Tensor:
    return torch.full((1, 1, frames), hertz, dtype=torch.float64)


@pytest.mark.parametrize("hertz", [50.0, 100.0, 123.4, 233.7, 400.0, 1000.0])
def test_pulses_are_the_sum_of_their_harmonics(hertz: float) -> None:
    """100, 400 and 1000 Hz come back to phase 0 exactly, where the kernel's denominator is 0."""
    found = pulses(flat(hertz, 25), HOP, RATE)
    assert found.shape == (1, 25 * HOP)
    assert found.dtype == torch.float32
    expected = sum_of_cosines(np.full(25 * HOP, hertz))
    np.testing.assert_allclose(found[0].numpy(), expected, atol=2e-5 * np.abs(expected).max())


def test_pulses_follow_a_pitch_that_moves() -> None:
    f0 = torch.from_numpy(80 * 2 ** (2 * np.random.default_rng(0).random((1, 1, 40))))
    hertz = _between_frames(f0[:, 0], HOP)[0].numpy()
    expected = sum_of_cosines(hertz)
    np.testing.assert_allclose(pulses(f0, HOP, RATE)[0].numpy(), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("off", [0.0, 1e-14, 1e-9, 1e-7, 3e-7, 1e-6, 1e-4])
def test_near_phase_0_a_pulse_is_as_high_as_it_can_be(off: float) -> None:
    """The last sample ends half a cycle, or misses it by *off* of one."""
    for samples in (2, 7, 80):
        hertz = RATE / 2 / samples * (1 + off)
        harmonics = np.arange(1, math.floor(0.95 * RATE / 2 / hertz) + 1)
        found = pulses(flat(hertz, 1), samples, RATE)[0, -1].item()
        expected = np.cos(np.pi * harmonics * off).sum() / math.sqrt(len(harmonics) / 2)
        assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("hertz", [60.0, 117.3, 255.5, 480.0])
def test_pulses_have_variance_1_and_no_mean_however_long(hertz: float) -> None:
    drawn = pulses(flat(hertz, 500), HOP, RATE)[0].double()  # 10 s
    assert drawn.var().item() == pytest.approx(1.0, rel=5e-3)
    for second in drawn.reshape(10, -1):
        assert abs(second.mean().item()) < 5e-3


def test_a_phase_is_kept_for_minutes() -> None:
    """Float32 counts cycles in thousandths by then, and the sixtieth harmonic has sixty times that."""
    hertz, frames = 123.456, 50 * 120
    found = pulses(flat(hertz, frames), HOP, RATE)[0, -RATE:].numpy()
    begins = hertz / RATE * np.arange(frames * HOP - RATE + 1, frames * HOP + 1, dtype=np.float64)
    count = math.floor(0.95 * RATE / 2 / hertz)
    k = np.arange(1, count + 1)[:, None]
    expected = ((-1.0) ** k * np.cos(2 * np.pi * k * (begins % 1.0))).sum(0) / math.sqrt(count / 2)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("hertz", [0.0, -3.0, 1e-300, 7_700.0, 1e9, math.inf])
def test_a_pitch_that_nobody_has_is_no_trouble(hertz: float) -> None:
    drawn = pulses(flat(hertz, 5), HOP, RATE)
    assert torch.isfinite(drawn).all()
    nearest = 10.0 if hertz < 10 else 7_600.0
    assert torch.equal(drawn, pulses(flat(nearest, 5), HOP, RATE))


@settings(max_examples=40)
@given(st.integers(1, 30), st.integers(1, 40))
def test_between_frames_is_the_interpolation_of_torch(frames: int, hop: int) -> None:
    x = torch.randn(2, frames, dtype=torch.float64, generator=torch.Generator().manual_seed(frames))
    expected = F.interpolate(x[:, None], scale_factor=hop, mode="linear", align_corners=False)[:, 0]
    torch.testing.assert_close(_between_frames(x, hop), expected, atol=1e-12, rtol=1e-12)


def test_tables_do_not_rest_in_the_weights() -> None:
    assert not ForwardSTFT(64, 16).state_dict()
    assert {name.split(".")[0] for name in decoder().state_dict()} == {
        "entry",
        "condition",
        "entry_norm",
        "blocks",
        "exit_norm",
        "head",
    }


@pytest.mark.parametrize(("bands", "bins", "rate"), [(80, 241, 16_000), (7, 33, 1600), (2, 3, 800)])
def test_every_bin_takes_one_whole_band_or_parts_of_two(bands: int, bins: int, rate: int) -> None:
    table = envelope_table(bands, bins, rate)
    assert table.shape == (bands, bins)
    torch.testing.assert_close(table.sum(0), torch.ones(bins, dtype=torch.float64), atol=1e-9, rtol=0)
    assert (table >= 0).all()
    assert ((table > 0).sum(0) <= 2).all()
    assert table[0, 0] == 1
    assert table[-1, -1].item() == pytest.approx(1)
    assert (table.argmax(0).diff() >= 0).all()


def test_bands_are_even_in_mel() -> None:
    """A log magnitude that is a line in mel is drawn as one."""
    hertz = np.linspace(0, 8000, 241)
    mel = 2595 * np.log10(1 + hertz / 700)
    line = torch.linspace(-3.0, 2.0, 80, dtype=torch.float64)
    drawn = line @ envelope_table(80, 241, 16_000)
    np.testing.assert_allclose(drawn.numpy(), -3 + 5 * mel / mel[-1], atol=1e-9)


def log_magnitudes(bins: int, seed: int = 0) -> Tensor:
    """Smooth, as an envelope is."""
    drawn = torch.randn(bins // 16 + 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(drawn[None, None], size=bins, mode="linear", align_corners=True)[0, 0]


@pytest.mark.parametrize("bins", [17, 33, 241])
def test_the_least_phase_is_that_of_the_folded_cepstrum(bins: int) -> None:
    log_magnitude = log_magnitudes(bins).numpy()
    fft = 2 * (bins - 1)
    whole = np.concatenate([log_magnitude, log_magnitude[-2:0:-1]])
    turns = np.exp(2j * np.pi * np.outer(np.arange(fft), np.arange(fft)) / fft)
    cepstrum = (turns @ whole).real / fft
    folded = cepstrum.copy()
    folded[1 : fft // 2] *= 2
    folded[fft // 2 + 1 :] = 0
    expected = (np.conj(turns) @ folded)[:bins]
    np.testing.assert_allclose(expected.real, log_magnitude, atol=1e-9)  # folding leaves the magnitude alone
    found = log_magnitudes(bins) @ least_phase_table(bins)
    np.testing.assert_allclose(found.numpy(), expected.imag, atol=1e-9)


def test_the_filter_of_least_phase_rings_after_its_pulse_and_not_before_it() -> None:
    bins = 241
    for seed in range(5):
        log_magnitude = log_magnitudes(bins, seed)
        phase = log_magnitude @ least_phase_table(bins)
        energy = torch.fft.irfft(torch.polar(log_magnitude.exp(), phase)) ** 2
        assert energy[: bins - 1].sum() > 0.99 * energy.sum()
        assert energy[:32].sum() > 0.9 * energy.sum()
        turned_round = torch.fft.irfft(torch.polar(log_magnitude.exp(), -phase)) ** 2
        assert turned_round[: bins - 1].sum() < 0.9 * turned_round.sum()


def with_head(voiced: float, breathed: float) -> SourceFilter:
    """Filters that are the same at every frequency."""
    built = decoder()
    built.head.weight.zero_()
    built.head.bias[: DIMS.bands] = voiced
    built.head.bias[DIMS.bands :] = breathed
    return built


def test_flat_filters_give_back_what_passes_through_them() -> None:
    data = given_to(2)
    excitation = pulses(data["f0"], LATENT_HOP, 1600)[:, None]
    noise = data["noise"].transpose(1, 2).reshape(2, 1, -1)
    torch.testing.assert_close(with_head(0.0, -20.0)(**data), excitation, atol=2e-4, rtol=0)
    torch.testing.assert_close(with_head(-20.0, 0.0)(**data), noise, atol=2e-4, rtol=0)
    louder = with_head(math.log(2), math.log(3))(**data)
    torch.testing.assert_close(louder, 2 * excitation + 3 * noise, atol=1e-3, rtol=0)


def test_the_filters_are_what_the_head_says() -> None:
    built, data = decoder(), given_to(2)
    seen: list[Tensor] = []
    built.head.register_forward_hook(lambda _module, _given, out: seen.append(out))
    found = built(**data)
    voiced, breathed = seen[0].double().chunk(2, 2)
    envelope = envelope_table(DIMS.bands, 33, 1600)
    pulsed = torch.polar((voiced @ envelope).exp(), voiced @ envelope @ least_phase_table(33))
    breath = (breathed @ envelope).exp()

    def spectrum(samples: Tensor) -> Tensor:
        padded = F.pad(samples.double(), (24, 24))
        window = torch.hann_window(64, dtype=torch.float64)
        return torch.stft(padded, 64, 16, window=window, center=False, return_complex=True).transpose(1, 2)

    sounds = pulses(data["f0"], LATENT_HOP, 1600), data["noise"].transpose(1, 2).reshape(2, -1)
    total = spectrum(sounds[0]) * pulsed + spectrum(sounds[1]) * breath
    expected = built.inverse(total.real.float(), total.imag.float())
    torch.testing.assert_close(found, expected, atol=1e-5 * expected.abs().max().item(), rtol=0)


@pytest.mark.parametrize(("latent_hop", "frames"), [(320, 1), (320, 7), (160, 5)])
def test_every_frame_becomes_its_samples(latent_hop: int, frames: int) -> None:
    built = SourceFilter(6, 4, latent_hop, 16_000, SourceFilterDims(width=8, blocks=1))
    f0 = torch.full((2, 1, frames), 150.0, dtype=torch.float64)
    waveform = built(torch.randn(2, 6, frames), torch.randn(2, 4, 1), f0, torch.randn(2, latent_hop, frames))
    assert waveform.shape == (2, 1, frames * latent_hop)
    assert waveform.dtype == torch.float32


def test_the_spectral_frames_of_a_latent_frame_differ() -> None:
    """Repeating a latent frame would give both the same entry, and a buzz at the latent rate."""
    entered = decoder().entry(torch.randn(1, LATENT, 1)).reshape(8, 2)
    assert (entered[:, 0] - entered[:, 1]).abs().min() > 0


@pytest.mark.parametrize("name", ["z", "style", "f0", "noise"])
def test_everything_is_heard(name: str) -> None:
    built, data = decoder(), given_to()
    usual = built(**data)
    changed = built(**data | {name: data[name] * 1.3})
    assert (changed - usual).abs().max() > 0.01 * usual.abs().max()


def test_a_row_of_a_batch_is_the_row_alone() -> None:
    built, data = decoder(), given_to(3)
    together = built(**data)
    for row in range(3):
        alone = built(**{name: value[row : row + 1] for name, value in data.items()})
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5 * alone.abs().max().item(), rtol=0)


def test_autocast_leaves_the_waveform_in_float32() -> None:
    built, data = decoder(lively=False), given_to()
    usual = built(**data)
    with torch.autocast("cpu", torch.bfloat16):
        waveform = built(**data)
    assert waveform.dtype == torch.float32
    # the filters are rounded, the pulses and the transforms are not
    torch.testing.assert_close(waveform, usual, atol=0.02 * usual.abs().max().item(), rtol=0)


@pytest.mark.parametrize("bias", [1e4, -1e4])
def test_an_untrained_head_cannot_overflow(bias: float) -> None:
    built, data = decoder(), given_to()
    built.head.bias.fill_(bias)
    waveform = built(**data)
    assert torch.isfinite(waveform).all()
    assert waveform.abs().max() < (2000 if bias > 0 else 1e-3)


def test_it_begins_quietly() -> None:
    waveform = decoder(lively=False)(**given_to())
    assert 1e-4 < waveform.abs().max() < 0.2

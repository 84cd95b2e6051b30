"""Both transforms against torch's, and there and back."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from core_model.sovits.short_time_spectrum import ForwardSTFT, InverseSTFT


@pytest.mark.parametrize(("fft", "hop", "frames"), [(640, 160, 12), (32, 8, 30), (32, 16, 9)])
def test_inverse_equals_torch(fft: int, hop: int, frames: int) -> None:
    """torch.istft (centred) cuts fft / 2 at the start, ours (fft - hop) / 2: the rest is the same samples."""
    spectrum = torch.randn(2, fft // 2 + 1, frames, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    expected = torch.istft(spectrum, fft, hop, window=torch.hann_window(fft), center=True)
    ours = InverseSTFT(fft, hop)(spectrum.real.transpose(1, 2), spectrum.imag.transpose(1, 2))[:, 0]
    assert ours.shape == (2, frames * hop)
    shift = hop // 2
    torch.testing.assert_close(ours[:, shift : shift + expected.shape[1]], expected, atol=1e-5, rtol=1e-5)


def test_inverse_gives_back_a_waveform() -> None:
    fft, hop = 640, 160
    waveform = torch.randn(1, 20 * hop, generator=torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(waveform[:, None], ((fft - hop) // 2,) * 2, mode="reflect")[:, 0]
    spectrum = torch.stft(padded, fft, hop, window=torch.hann_window(fft), center=False, return_complex=True)
    back = InverseSTFT(fft, hop)(spectrum.real.transpose(1, 2), spectrum.imag.transpose(1, 2))[:, 0]
    torch.testing.assert_close(back, waveform, atol=1e-5, rtol=1e-5)


def test_the_table_does_not_rest_in_the_weights() -> None:
    assert not InverseSTFT(64, 16).state_dict()


@pytest.mark.parametrize(("fft", "hop"), [(480, 160), (64, 16), (32, 16)])
def test_forward_equals_torch(fft: int, hop: int) -> None:
    samples = torch.randn(2, 11 * hop, generator=torch.Generator().manual_seed(0))
    padded = F.pad(samples, ((fft - hop) // 2,) * 2)
    expected = torch.stft(padded, fft, hop, window=torch.hann_window(fft), center=False, return_complex=True)
    real, imaginary = ForwardSTFT(fft, hop)(samples)
    assert real.shape == imaginary.shape == (2, 11, fft // 2 + 1)
    found = torch.complex(real, imaginary).transpose(1, 2)
    torch.testing.assert_close(found, expected, atol=2e-4 * expected.abs().max().item(), rtol=0)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("fft", "hop"), [(480, 160), (320, 160), (64, 16)])
def test_the_inverse_takes_it_back(fft: int, hop: int) -> None:
    """Also where the ends are padded with nothing: every sample is divided by the windows that it had."""
    samples = torch.randn(2, 11 * hop, generator=torch.Generator().manual_seed(0))
    back = InverseSTFT(fft, hop)(*ForwardSTFT(fft, hop)(samples))[:, 0]
    torch.testing.assert_close(back, samples, atol=2e-5, rtol=0)
